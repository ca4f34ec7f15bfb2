/** The proxies of the lab: squid and tinyproxy, each without and with a login. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runSyncOk } from '../../test/processes.ts';
import { HCP, type Network, PROXY } from './network.ts';

export const PORTS = { down: 3127, squid: 3128, squidLogin: 3129, tinyproxy: 3130, tinyproxyLogin: 3131 } as const;
/** tinyproxy can't read a password with a space. */
export const LOGINS = { squid: 'launcher:pass word', tinyproxy: 'launcher:password', wrong: 'launcher:wrong' } as const;

/** @param folder a folder that every user can read, because squid drops root's permissions */
export function startProxies(network: Network, folder: string): void {
  const [user = '', password = ''] = LOGINS.squid.split(':');
  const passwords = join(folder, 'passwords');
  writeFileSync(passwords, `${user}:${runSyncOk('openssl', ['passwd', '-apr1', password])}\n`);
  const login = [
    `auth_param basic program /usr/lib/squid/basic_ncsa_auth ${passwords}`,
    'auth_param basic children 1',
    'acl known proxy_auth REQUIRED',
    'http_access allow CONNECT known',
  ];
  const squid = (port: number, access: readonly string[]): void => {
    const file = join(folder, `squid-${port}.conf`);
    const lines = [
      `http_port ${PROXY.address}:${port}`,
      'hosts_file /etc/hosts',
      'pid_filename none',
      'cache deny all',
      'access_log none',
      'cache_log /dev/null',
      'visible_hostname proxy',
      ...access,
      'http_access deny all',
    ];
    writeFileSync(file, `${lines.join('\n')}\n`);
    network.start('proxy', ['squid', '-N', '-f', file]);
  };
  const tinyproxy = (port: number, access: readonly string[]): void => {
    const file = join(folder, `tinyproxy-${port}.conf`);
    const lines = [`Port ${port}`, `Listen ${PROXY.address}`, `ConnectPort ${HCP.port}`, 'ConnectPort 8444', ...access];
    writeFileSync(file, `${lines.join('\n')}\n`);
    network.start('proxy', ['tinyproxy', '-d', '-c', file]);
  };
  squid(PORTS.squid, ['http_access allow CONNECT']);
  squid(PORTS.squidLogin, login);
  tinyproxy(PORTS.tinyproxy, []);
  tinyproxy(PORTS.tinyproxyLogin, [`BasicAuth ${LOGINS.tinyproxy.replace(':', ' ')}`]);
}
