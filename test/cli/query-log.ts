/**
 * A line of the DNS query log of Route 53 Resolver. Lookups that a rule allowed have no `firewall_rule_action`.
 * https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-query-logs-format.html
 */
export function queryLine(name: string, source: string, isRefused = true) {
  return {
    version: '1.100000',
    account_id: '123456789012',
    region: 'eu-central-1',
    vpc_id: 'vpc-0123456789abcdef0',
    query_timestamp: new Date().toISOString(),
    query_name: name,
    query_type: 'A',
    query_class: 'IN',
    rcode: isRefused ? 'NXDOMAIN' : 'NOERROR',
    answers: [],
    srcaddr: source,
    srcport: '56067',
    transport: 'UDP',
    srcids: {},
    ...(isRefused && {
      firewall_rule_group_id: 'rslvr-frg-01234567890abcdef',
      firewall_rule_action: 'BLOCK',
      firewall_domain_list_id: 'rslvr-fdl-01234567890abcdef',
    }),
  };
}
