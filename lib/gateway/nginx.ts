/**
 * The filter of a gateway: nginx reads the server name of each TLS connection, resolves this name itself, and connects to it. So the address that
 * the client asked for doesn't matter, and a forged server name only leads to the real host of that name.
 * https://nginx.org/en/docs/stream/ngx_stream_ssl_preread_module.html
 */

/** The resolver of every VPC. https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html#AmazonDNS */
export const VPC_RESOLVER = '169.254.169.253';

/** Files that the filter's configuration includes. */
export const FILTER_FILES = {
  config: '/etc/nginx/nginx.conf',
  names: '/etc/agent-launcher/names.map',
  verdicts: '/var/log/agent-launcher/verdicts.log',
} as const;

/** Connections per worker process. Each connection of a task needs one more to the host. */
const WORKER_CONNECTIONS = 16_384;

/** Time for a client hello, in seconds. A task sends it in one or two packets. */
const HELLO_SECONDS = 10;

export interface FilterOptions {
  /** Host of HCP Terraform or Terraform Enterprise, without the port. */
  readonly host: string;
  /** Port of the host. Only this host can be reached on this port, if it isn't 443. */
  readonly port: number;
  /** Value of the member `service` in each line of the log. */
  readonly service: string;
}

/**
 * One line of the list of allowed names, in the syntax of a `map` with `hostnames`. With `*.`, every name below it is allowed, at any depth.
 *
 * @param name lower-case name, which can begin with `*.`
 */
export function nameLine(name: string): string {
  return `${name} ${name.startsWith('*.') ? '$server_name_read' : name};`;
}

/**
 * The configuration of nginx.
 *
 * - `$server_name_read` is the server name if it has only the characters of a hostname. Without this check, a name such as `evil.example:22.allowed.example`
 *   would be an address and a port.
 * - nginx removes one dot at the end of a name before it compares.
 * - The log has one line per connection. It contains no data of the connection.
 */
export function filterConfig({ host, port, service }: FilterOptions): string {
  const other = port !== 443;
  return `# Written by agent-launcher. The gateway's filter: TLS to allowed server names, and nothing else.
user nginx;
worker_processes auto;
worker_rlimit_nofile ${WORKER_CONNECTIONS * 2};
pid /run/nginx.pid;
error_log /var/log/agent-launcher/nginx.log error;
# The packages of Amazon Linux and of Debian load their modules in different files.
include /usr/share/nginx/modules/*.conf;
include /etc/nginx/modules-enabled/*.conf;

events {
  worker_connections ${WORKER_CONNECTIONS};
}

stream {
  resolver ${VPC_RESOLVER} valid=30s ipv6=off;
  resolver_timeout 5s;
  map_hash_bucket_size 256;
  map_hash_max_size 8192;

  map $ssl_preread_server_name $server_name_read {
    "~^(?<hostname_only>[a-zA-Z0-9_-]+(\\.[a-zA-Z0-9_-]+)+)\\.?$" $hostname_only;
    default "";
  }
  map $server_name_read $allowed {
    hostnames;
    include ${FILTER_FILES.names};
    default "";
  }
  map $server_port:$allowed $upstream {
    "~^443:(?<target>.+)$" $target:443;
${other ? `    "${port}:${host}" ${host}:${port};\n` : ''}    default "";
  }
  map $status:$upstream $verdict {
    "~^200:." "passed";
    "~:$" "refused";
    default "failed";
  }

  log_format verdict escape=json '{"time":"$time_iso8601","service":"${service}","source":"$remote_addr","name":"$ssl_preread_server_name","port":"$server_port","verdict":"$verdict","address":"$upstream_addr","bytesReceived":$bytes_received,"bytesSent":$bytes_sent,"seconds":$session_time}';
  access_log ${FILTER_FILES.verdicts} verdict;

  preread_buffer_size 16k;
  preread_timeout ${HELLO_SECONDS}s;
  proxy_connect_timeout 10s;
  # An agent that waits for a job sends a request every few seconds. A provider can wait longer for an answer.
  proxy_timeout 1h;
  proxy_socket_keepalive on;
  # As with a NAT gateway, one side can end its half of a connection.
  proxy_half_close on;
  tcp_nodelay on;

  server {
    listen 443 backlog=4096 so_keepalive=on;
${other ? `    listen ${port} backlog=4096 so_keepalive=on;\n` : ''}    ssl_preread on;
    proxy_pass $upstream;
  }
}
`;
}
