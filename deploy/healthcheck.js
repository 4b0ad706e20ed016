/**
 * Exits with 0 when the service in this container takes calls, for HEALTHCHECK. It asks /readyz; with TLS_CLIENT_AUTH=required,
 * where it has no certificate to show, it is content with a port that is listened on.
 */
import { request as overHttp } from 'node:http';
import { request as overHttps } from 'node:https';
import { connect } from 'node:net';

const {
  HTTP_LISTEN = '',
  GRPC_LISTEN = '',
  TLS_CERT,
  TLS_CLIENT_CA,
  TLS_CLIENT_AUTH = 'required',
} = process.env;
const isOff = HTTP_LISTEN === 'off';
const needsCertificate = Boolean(TLS_CLIENT_CA) && TLS_CLIENT_AUTH === 'required';
const [, name = '', port = ''] = /^(.*):(\d+)$/.exec(isOff ? GRPC_LISTEN : HTTP_LISTEN) ?? [];
// An address that stands for all of this machine is none to connect to.
const host = { '0.0.0.0': '127.0.0.1', '[::]': '::1' }[name] ?? name.replace(/^\[(.*)\]$/, '$1');

if (isOff || needsCertificate) {
  connect(Number(port), host, () => process.exit(0)).on('error', fail);
} else {
  const send = TLS_CERT ? overHttps : overHttp;
  // The certificate names the service, not this address, and nothing is sent.
  send({ host, port, path: '/readyz', rejectUnauthorized: false }, ({ statusCode }) =>
    process.exit(statusCode === 200 ? 0 : 1),
  )
    .on('error', fail)
    .end();
}

function fail(error) {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
