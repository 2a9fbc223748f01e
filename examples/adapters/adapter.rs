//! A Rust program whose heap is secret: adapter KEY. Compiled with `--cfg plain` it is not.

use std::alloc::{GlobalAlloc, Layout};
use std::ffi::c_void;
use std::io::Read;

#[link(name = "secure_alloc")]
extern "C" {
    fn secalloc_malloc(size: usize) -> *mut c_void;
    fn secalloc_realloc(ptr: *mut c_void, size: usize) -> *mut c_void;
    fn secalloc_aligned_alloc(alignment: usize, size: usize) -> *mut c_void;
    fn secalloc_free(ptr: *mut c_void);
}

/// Alignment that secalloc_malloc and secalloc_realloc keep.
const MALLOC_ALIGNMENT: usize = 16;

pub struct Secret;

unsafe impl GlobalAlloc for Secret {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() <= MALLOC_ALIGNMENT {
            secalloc_malloc(layout.size()).cast()
        } else {
            secalloc_aligned_alloc(layout.align(), layout.size()).cast()
        }
    }

    /// All that it hands out is zero already.
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.alloc(layout)
    }

    unsafe fn dealloc(&self, ptr: *mut u8, _: Layout) {
        secalloc_free(ptr.cast())
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if layout.align() <= MALLOC_ALIGNMENT {
            return secalloc_realloc(ptr.cast(), size).cast();
        }
        let moved = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
        if !moved.is_null() {
            std::ptr::copy_nonoverlapping(ptr, moved, layout.size().min(size));
            self.dealloc(ptr, layout);
        }
        moved
    }
}

#[cfg_attr(not(plain), global_allocator)]
#[allow(dead_code)]
static HEAP: Secret = Secret;

fn main() -> std::io::Result<()> {
    let path = std::env::args().nth(1).expect("usage: adapter KEY");
    let key = std::fs::read(path)?;
    println!("ready");
    std::io::stdin().read(&mut [0])?;
    std::process::exit((key.len() == 0) as i32);
}
