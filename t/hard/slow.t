#!/usr/bin/perl

# Slowloris: handshakes that are begun and never ended, frames that come an
# octet at a time.  They cost themselves their time, and nobody else anything.

use strict;
use warnings;

use lib 't/lib', 't/hard';
use Hard;
use RTProp::Test;

use constant { TEXT => 1, MEBI => 1 << 20 };

my $idle = full(10_000, 2_000);        # half-open sockets
my $slow = full(500, 50);              # clients that send octet by octet

my $nginx = serve(workers => 1, connections => 16_000,
                  http => "client_header_timeout 1s;\n",
                  main => 'worker_rlimit_nofile 18000;');

my $token = token(sub => 'half');
my $handshake = "GET /ws?token=$token HTTP/1.1\r\nHost: localhost\r\n"
    . "Upgrade: websocket\r\nConnection: Upgrade\r\n"
    . "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
    . "AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";

# nothing at all, half a method, half a line, all but the end
my @cuts = (0, 2, 40, length($handshake) - 60, length($handshake) - 2);


rounds("$idle half-open sockets", sub {
    my $witness = witness();
    my @sockets = raw_sockets($idle, sub {
        substr $handshake, 0, $cuts[$_[0] % @cuts];
    });

    is(client(user => 'late', welcome => 0)->status, 101,
       'beside them others come in');
    is(drop_all(@sockets), 0, 'all are closed');
    served($witness, 'half-open');
});


# The time is for the whole, not for each octet.

rounds("$slow handshakes octet by octet", sub {
    my $witness = witness();
    my @sockets = raw_sockets($slow, sub { substr $handshake, 0, 1 });
    my ($at, %gone) = (1);

    local $SIG{PIPE} = 'IGNORE';

    until_true(sub {
        my $octet = substr $handshake, $at, 1;
        $at++ if $at < length($handshake) - 1;

        for my $i (grep { !$gone{$_} } 0 .. $#sockets) {
            $gone{$i} = 1 if !syswrite $sockets[$i], $octet;
        }

        return keys %gone == @sockets;
    });

    is(scalar keys %gone, scalar @sockets, 'all are closed, though they speak');
    is(drop_all(@sockets), 0, 'and ended');
    served($witness, 'slow handshakes');
});


# A slow frame is allowed to be slow; what it holds is bounded.

rounds("$slow clients with frames octet by octet", sub {
    my $witness = witness();
    my @clients = map { client(user => "slow$_") } 1 .. $slow;
    my $content = '{"type":"ping","payload":{"pad":"' . 'x' x 60_000 . '"}}';
    my $frame = RTProp::WS->frame(TEXT, $content);
    my $before = memory();

    # the header in pieces, the payload in pieces, the rest much later
    for my $at (0 .. 39) {
        $_->send_raw(substr $frame, $at, 1) for @clients;
    }

    $_->send_raw(substr $frame, 40, 100) for @clients;

    # a ping between two octets of a frame is none, so others tell
    until_true(sub { metric('rtprop_ws_connections') >= $slow });
    cmp_ok(memory() - $before, '<', $slow * 80_000 + MEBI,
           'none holds more than its message');

    $_->send_raw(substr $frame, 140) for @clients;
    is(scalar(grep { $_->wait_for('pong') } @clients), $slow,
       'and each is heard when it is whole');

    # these end in the middle
    $_->send_raw(substr $frame, 0, 30_000) for @clients;
    $_->drop for @clients;
    served($witness, 'slow frames');
});


# Who is silent in the middle of a frame is dropped as anybody who is silent.

{
    my $silent = serve(location => 'rtprop_ping 1s timeout=1s;');
    my $base = gauges();
    my @clients = map { client(user => "mute$_") } 1 .. 20;
    my $frame = RTProp::WS->frame(TEXT, 'x' x 10_000);

    $_->send_raw(substr $frame, 0, 5_000) for @clients;
    ok(until_true(sub { metric('rtprop_ws_silent_total') == 20 }),
       'silent in the middle of a frame');
    settled($base, 'silent');
    $_->drop for @clients;
}

done_testing();
