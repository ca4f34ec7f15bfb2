# Packets that need a raw socket, by protocol number. `listen N` prints a line when it is ready and for each packet that it
# receives, and ends with its input. `send N ADDRESS` sends one packet and, for ICMP (1), waits for the answer.
use strict;
use warnings;
use Socket;

my ($what, $protocol, $address) = @ARGV;
socket(my $socket, PF_INET, SOCK_RAW, $protocol) or die "socket: $!";
$| = 1;
print "ready\n" if $what eq 'listen';

if ($what eq 'send') {
    # An echo request with its checksum. For other protocols, any bytes will do.
    my $sum = 0;
    $sum += $_ for unpack('n*', pack('C2n3', 8, 0, 0, 1, 2));
    my $packet = pack('C2n3', 8, 0, ~$sum & 0xffff, 1, 2);
    send($socket, $packet, 0, pack_sockaddr_in(0, inet_aton($address))) or exit 1;
    exit 0 if $protocol != 1;
}
my $bits = '';
vec($bits, fileno($socket), 1) = 1;
vec($bits, fileno(STDIN), 1) = 1 if $what eq 'listen';
my $deadline = time + 3;
while ($what eq 'listen' or time < $deadline) {
    select(my $ready = $bits, undef, undef, 1) or next;
    last if $what eq 'listen' and vec($ready, fileno(STDIN), 1) and not sysread(STDIN, my $input, 1);
    next unless vec($ready, fileno($socket), 1);
    recv($socket, my $packet, 1500, 0);
    print "packet\n" if $what eq 'listen' or ord(substr($packet, 20, 1)) == 0;
    last if $what eq 'send';
}
