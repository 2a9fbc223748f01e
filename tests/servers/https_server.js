// An HTTPS server with node's own modules: node https_server.js CERT KEY PORT.
'use strict';

const fs = require('fs');
const https = require('https');

const [certificate, key, port] = process.argv.slice(2);
const server = https.createServer(
    {cert: fs.readFileSync(certificate), key: fs.readFileSync(key)}, (request, response) => {
      const body = `hello from ${request.url}\n`;
      response.writeHead(
          200, {'Content-Type': 'text/plain', 'Content-Length': Buffer.byteLength(body)});
      response.end(body);
    });
server.listen(Number(port), '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
