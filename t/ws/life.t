#!/usr/bin/perl

# How connections end: pings without an answer, close handshakes that one side
# does not finish, readers that do not read, resets, reload and stop.

use strict;
use warnings;

use Socket qw(SOL_SOCKET SO_LINGER);
use Time::HiRes qw(time);

use lib 't/lib';
use RTProp::Test;

# nginx must be rid of a closing connection after 5 s; the rest is slack

use constant SLACK => 8;

my $server = <<'END';
    location /echo {
        rtprop echo;
    }

    location /ping {
        rtprop echo;
        rtprop_ping 300ms timeout=500ms;
    }

    location /slow {
        rtprop echo;
        rtprop_max_message 1m;
        rtprop_send_queue 64k soft=16k/1s;
    }

    location /patient {
        rtprop echo;
        rtprop_max_message 1m;
        rtprop_send_queue 64k soft=16k/1m;
    }

    location /status {
        stub_status;
    }
END

my $nginx = rtprop_nginx(tls => 1, server => $server);


sub ws {
    my ($path, %opt) = @_;
    return RTProp::WS->connect(path => $path, %opt,
        port => $opt{tls} ? $nginx->tls_port : $nginx->port);
}


sub echo_ok {
    my ($ws, $name) = @_;

    $ws->send_text($name);
    my $frame = $ws->recv_frame;
    is($frame && $frame->{payload}, $name, $name);
}


# Waits until nginx has only the connection that asks.

sub alone_ok {
    my ($name) = @_;
    my $status = http();
    my $body = '';

    ok($nginx->wait_until(sub {
        $body = $status->request(GET => '/status')->{body};
        return $body =~ /^Active connections: 1 /;
    }, SLACK), $name) or diag($body);
}


# pings

for my $tls (0, 1) {
    my $name = $tls ? 'TLS' : 'plain';

    my $ws = ws('/ping', tls => $tls);
    my $frame = $ws->recv_frame;
    is($frame && $frame->{opcode}, RTProp::WS::PING, "$name: a ping comes");
    ok($ws->wait_eof(SLACK), "$name: without an answer it ends");
    is($ws->{close_code}, undef, "$name: and no close frame is wasted on it");

    $ws = ws('/ping', tls => $tls);

    for (1 .. 3) {
        $frame = $ws->recv_frame;
        is($frame && $frame->{opcode}, RTProp::WS::PING, "$name: ping $_");
        $_ == 2 ? $ws->send_text('a text is an answer too')
                : $ws->send_frame(RTProp::WS::PONG, '');
        $ws->recv_frame if $_ == 2;
    }

    echo_ok($ws, "$name: who answers stays");
    $ws->close;
}

{
    # half a frame is no silence, but half a frame for ever is
    my $ws = ws('/ping');
    $ws->send_raw("\x81");
    ok($ws->wait_eof(SLACK), 'half a frame, then silence');
}

alone_ok('pings: no connection is left');


# the close handshake

{
    my $start = time;
    my @ws = map { ws('/echo', tls => $_) } 0, 1;

    for my $tls (0, 1) {
        my $name = $tls ? 'TLS' : 'plain';
        $ws[$tls]->send_frame(RTProp::WS::CLOSE, pack 'n', 1000);
        is(($ws[$tls]->wait_close)[0], 1000, "$name: the close is answered");
        ok($ws[$tls]->wait_eof(2), "$name: the server ends first");
    }

    # the clients keep their halves of the connections open
    alone_ok('the server does not wait for ever');
    cmp_ok(time - $start, '>', 4, 'but for a while');
    $_->drop for @ws;
}

{
    my $ws = ws('/echo');
    $ws->send_frame(RTProp::WS::CLOSE, pack 'n', 1000);
    $ws->send_text('x' x 1000) for 1 .. 100;
    is(($ws->wait_close)[0], 1000, 'what follows a close does not harm it');
    ok($ws->wait_eof, 'and the connection ends');
    ok(!$ws->{reset}, 'without a reset');
}

{
    my $ws = ws('/echo');
    $ws->send_text('x' x 60000) for 1 .. 4;
    $ws->send_frame(RTProp::WS::CLOSE, pack 'n', 1000);
    my @frames = map { $ws->recv_frame } 1 .. 5;
    is(scalar(grep { $_->{opcode} == 1 } @frames), 4,
       'what waits goes out before the close');
    is($ws->{close_code}, 1000, 'then the close');
}


# clients that vanish

{
    my @ws = map { ws($_ % 2 ? '/echo' : '/slow', tls => $_ % 3 == 0) }
             1 .. 60;

    for my $i (0 .. $#ws) {
        my $ws = $ws[$i];
        my $what = $i % 6;

        $ws->send_text('x' x 50000)                     if $what == 0;
        $ws->send_raw(substr RTProp::WS->frame(1, 'x' x 5000), 0, 3000)
                                                        if $what == 1;
        $ws->send_raw("\x81\xfe")                       if $what == 2;
        $ws->send_frame(8, pack 'n', 1000)              if $what == 3;
        $ws->send_raw("\xff\xff\xff")                   if $what == 4;

        setsockopt $ws->{socket}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0)
            if $i % 2;
        $ws->drop;
    }

    alone_ok('vanished clients: no connection is left');
}

{
    my @sockets = map {
        my $ws = ws('/echo');
        $ws->drop;
        $ws->open_socket;
        $ws->send_handshake;
        setsockopt $ws->{socket}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0);
        $ws->drop;
    } 1 .. 50;

    alone_ok('gone right behind the request: no connection is left');
}


# readers that do not read

{
    my @ws = map { ws('/slow', tls => $_, rcvbuf => 4096) } 0, 1;
    my $frame = RTProp::WS->frame(2, 'x' x 100_000);

    # the server stops reading when its answers wait
    for my $tls (0, 1) {
        my $name = $tls ? 'TLS' : 'plain';
        my $sent = 0;
        $sent++ while $sent < 300
                      && $ws[$tls]->send_raw($frame, timeout => 0.3);
        cmp_ok($sent, '<', 300, "$name: the client is held back");
    }

    alone_ok('who never reads is dropped');
}

{
    my $ws = ws('/patient', rcvbuf => 4096);
    my $frame = RTProp::WS->frame(2, 'x' x 100_000);
    my $rest = '';

    # as much as goes, a part of a frame included
    $ws->{socket}->blocking(0);

    my ($frames, $n) = (0);

    $nginx->wait_until(sub {
        $rest = $frame, $frames++ if $rest eq '';
        $n = syswrite $ws->{socket}, $rest;
        substr $rest, 0, $n, '' if $n;
        return $frames > 400
               || !$n && !IO::Select->new($ws->{socket})->can_write(0.3);
    }, SLACK);

    cmp_ok($frames, '<', 400, 'a slow reader is held back');

    my $read = 0;
    my $deadline = time + 30;

    while ($read < $frames && time < $deadline) {
        if ($rest ne '') {
            $n = syswrite $ws->{socket}, $rest;
            substr $rest, 0, $n, '' if $n;
        }

        my $got = $ws->recv_frame($rest eq '' ? 5 : 0.05) or next;
        $read++ if length $got->{payload} == 100_000;
    }

    is($read, $frames, 'when it reads on, it gets all of it');
    is(($ws->close)[0], 1000, 'and closes as usual');
}


# reload, quit, stop

{
    my @ws = map { ws('/echo', tls => $_ % 2) } 1 .. 12;
    my $silent = ws('/echo');
    my $start = time;

    $nginx->reload;

    for (@ws) {
        is(($_->wait_close)[0], 1012, 'reload: come back at once');
        $_->send_frame(RTProp::WS::CLOSE, pack 'n', 1012);
        ok($_->wait_eof(3), 'reload: ended by the server');
    }

    echo_ok(ws('/echo'), 'reload: new workers serve');

    is(($silent->wait_close)[0], 1012, 'reload: told, but does not answer');
    ok($nginx->wait_drained(SLACK), 'reload: it does not hold the old workers');
    cmp_ok(time - $start, '>', 4, 'reload: that wait for it a while');
}

{
    my $other = RTProp::Nginx->new(http => '', workers => 2,
        main => 'worker_shutdown_timeout 500ms;', server => $server)->start;
    my @ws = map { RTProp::WS->connect(port => $other->port, path => '/echo') }
             1 .. 4;

    ok($other->stop('QUIT', 4), 'quit: ended by worker_shutdown_timeout');
    is(($_->wait_close)[0], 1012, 'quit: told before') for @ws;
    is_deeply([$other->bad_lines], [], 'quit: nothing in the log');
}

for my $tls (0, 1) {
    my $other = RTProp::Nginx->new(http => '', workers => 2, tls => 1,
                                   server => $server)->start;
    my @ws = map { RTProp::WS->connect(path => '/echo', tls => $tls,
                       port => $tls ? $other->tls_port : $other->port) }
             1 .. 4;
    echo_ok($_, 'stop: served') for @ws;

    ok($other->stop('TERM', 4), 'stop: at once');
    is(($_->wait_close)[0], 1001, 'stop: told that it goes') for @ws;
    is_deeply([$other->bad_lines], [], 'stop: nothing in the log');
}

done_testing();
