# Keeps a cipher of libgcrypt with the 32 bytes of a file as its key: gcrypt.pl FILE
use strict;
use warnings;
use Crypt::GCrypt;

my $cipher = Crypt::GCrypt->new(type => 'cipher', algorithm => 'aes256', mode => 'cbc');
$cipher->start('encrypting');

sub load_key {
  open(my $file, '<:unix', $ARGV[0]) or die "$ARGV[0]: $!";
  sysread($file, my $key, 32) == 32 or die "$ARGV[0]: not 32 bytes";
  $cipher->setkey($key);
  undef $key;
}

$| = 1;
load_key();
$cipher->setiv('0' x 16);
length($cipher->encrypt('a' x 32)) == 32 or die 'nothing was encrypted';
print "ready\n";
sleep;
