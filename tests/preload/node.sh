#!/usr/bin/env bash
# node: an https server and client, worker threads, its own crypto, zlib and child processes.
# Its OpenSSL is part of the executable, which no default rule lists: only behaviour is compared.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need node nodejs

client() {
  cat <<'CODE'
'use strict';
const https = require('https');
const fs = require('fs');
const [port, ca] = process.argv.slice(1);
const agent = new https.Agent({keepAlive: true, maxSockets: 3});
const get = (n) => new Promise((resolve, reject) => {
  const path = `/page${n}`;
  const to = {host: 'localhost', port, path, agent, ca: fs.readFileSync(ca), family: 4};
  https.get(to, (answer) => {
    let body = '';
    answer.on('data', (part) => body += part);
    answer.on('end', () => resolve(`${answer.statusCode} ${body}`));
  }).on('error', reject);
});
Promise.all([...Array(50).keys()].map(get)).then((all) => {
  process.stdout.write(all.join(''));
  agent.destroy();
});
CODE
}

exercise() {
  tls_requests node "${PORT}" 50 "$1/cert.pem"
  "${LAUNCH[@]}" node -e "$(client)" "${PORT}" "$1/cert.pem"
}

work() {
  cat <<'CODE'
'use strict';
const {Worker} = require('worker_threads');
const crypto = require('crypto');
const zlib = require('zlib');
const {execFileSync, fork} = require('child_process');
const map = new Map();
for (let i = 0; i < 300000; i++) map.set(`key ${i * 7919 % 300007}`, {i, list: [i, i + 1]});
for (let i = 0; i < 300000; i += 2) map.delete(`key ${i}`);
console.log(map.size);
const data = Buffer.alloc(5000000, 'some text that repeats; ');
console.log(zlib.gunzipSync(zlib.gzipSync(data)).equals(data));
console.log(zlib.brotliCompressSync(data.subarray(0, 90000)).length);
console.log(crypto.createHash('sha256').update(data).digest('hex'));
console.log(crypto.scryptSync('p', 's', 32).toString('hex'));
const {privateKey, publicKey} = crypto.generateKeyPairSync('rsa', {modulusLength: 2048});
console.log(crypto.verify('sha256', data, publicKey, crypto.sign('sha256', data, privateKey)));
console.log(execFileSync('sh', ['-c', 'echo from a child']).toString());
console.log(new Intl.DateTimeFormat('de', {timeZone: 'UTC'}).format(new Date(0)));
console.log(JSON.stringify([...map].slice(0, 3)));
const code = `
  const parts = [];
  for (let i = 0; i < 2e5; i++) parts.push(Buffer.from(String(i)));
  require('worker_threads').parentPort.postMessage(Buffer.concat(parts).length);`;
Promise.all([1, 2, 3, 4].map(() => new Promise((resolve, reject) => {
  new Worker(code, {eval: true}).on('message', resolve).on('error', reject);
}))).then((all) => console.log(all.join()));
CODE
}

expect_same_service start_node exercise
expect_same "node" node -e "$(work)"
