# Sends data in the first packet of a TCP connection: fast-open.pl ADDRESS PORT TEXT. Prints the client's port and then the answer.
use strict;
use warnings;
use Socket;

use constant MSG_FASTOPEN => 0x20000000;

my ($address, $port, $text) = @ARGV;
socket(my $socket, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
bind($socket, pack_sockaddr_in(0, INADDR_ANY)) or die "bind: $!";
$| = 1;
print((unpack_sockaddr_in(getsockname($socket)))[0], "\n");
alarm 3;
send($socket, $text, MSG_FASTOPEN, pack_sockaddr_in($port, inet_aton($address))) or exit 0;
recv($socket, my $answer, 100, 0);
print "$answer\n";
