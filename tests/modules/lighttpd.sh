# shellcheck shell=bash
# lighttpd with one of its TLS modules, each made for another library. Sourced behind lib.sh.

start_lighttpd() {
  PORT="$(free_port)"
  mkdir "$1/www"
  echo 'lighttpd serves this page.' >"$1/www/hello"
  cat >"$1/lighttpd.conf" <<CONF
server.modules = ("$2")
server.document-root = "$1/www"
server.bind = "127.0.0.1"
server.port = ${PORT}
ssl.engine = "enable"
ssl.pemfile = "$1/cert.pem"
ssl.privkey = "$1/key.pem"
CONF
  serve "$1/lighttpd.log" lighttpd -D -f "$1/lighttpd.conf"
}

use() { use_tls lighttpd "$1"; }

need_lighttpd() {
  need lighttpd "lighttpd $2"
  [[ -e "/usr/lib/lighttpd/$1.so" ]] || need "$1" "$2"
}
