#!/usr/bin/perl

# Floods past every limit, and a reader that never reads: each is told so, or
# closed, and nobody else notices.

use strict;
use warnings;

use lib 't/lib', 't/hard', 't/auction';
use Auction;
use Hard;
use RTProp::Deflate;
use RTProp::Test;

use constant { TEXT => 1, BINARY => 2, ERRORS => 50 };

my $burst = full(2_000, 200);          # commands at once, past a rate
my $many = full(500, 50);              # of what ends the connection at once
my $knocks = full(5_000, 500);         # handshakes that are refused
my $readers = full(1_000, 200);

my $narrow = RTProp::Nginx::free_port();
my $nginx = serve(connections => 4_000,
    allow => [qr/client intended to send too large (?:chunked )?body/],
    more => <<'END',

        location /bid {
            rtprop native;
            rtprop_jwt_key jwt.key;
            rtprop_rate other off;
            rtprop_errors 60000/1m;
        }

        location /deflate {
            rtprop native;
            rtprop_jwt_key jwt.key;
            rtprop_user_connections 1000;
            rtprop_compression on;
        }

        location /load {
            rtprop native;
            rtprop_user $arg_u;
            rtprop_rate message off;
        }
END
    http => <<"END");
        rtprop_log logs/sessions.log;

        server {
            listen 127.0.0.1:$narrow sndbuf=8k;

            location /sink {
                rtprop native;
                rtprop_jwt_key jwt.key;
                rtprop_send_queue 32k soft=24k/1m;
            }
        }
END

my %in = (claims => { conversations => ['flood'] });


# Sends a command n times at once; counts the answers by what they say.

sub flood {
    my ($ws, $n, $type, $payload) = @_;
    my $text = JSON::PP::encode_json({ type => $type, payload => $payload,
                                       id => 7 });
    my %count;

    # what is sent after the close is nobody's
    $ws->send_raw(RTProp::WS->frame(TEXT, $text) x $n);

    while ($ws->read_event(5)) {
        my $event = shift @{$ws->{events}} or next;
        my $what = $event->{type} eq 'error' ? $event->{payload}{code}
                 : $event->{type} eq 'auction:bid_rejected'
                   ? $event->{payload}{code} : $event->{type};

        $count{$what}++;
        $count{answers}++ if ($event->{id} // '') eq 7;
        last if $count{answers} && $count{answers} == $n;
    }

    return \%count;
}


# Past a rate: a burst is served, 50 refusals told, one more closes with 4002.

sub past_rate {
    my ($user, $burst_of, $type, $payload, $join) = @_;
    my $ws = client(user => $user, path => '/strict', %in);

    $join->($ws) if $join;

    my $count = flood($ws, $burst, $type, $payload);

    is($count->{rate_limited}, ERRORS + 1, "$type: refused");
    is($ws->{close_code}, 4002, "$type: then closed");
    $ws->drop;
}


sub joined_flood {
    my ($ws) = @_;
    $ws->send_json('chat:join', { conversation_id => 'flood' }, 'join');
    $ws->wait_for('chat:joined');
}


my $user = 0;

rounds('floods of commands', sub {
    my ($round) = @_;
    my $witness = witness();

    # users of this round, so that their buckets are full
    past_rate("m$round", 5, 'chat:send_message',
              { conversation_id => 'flood', content => 'x' }, \&joined_flood);
    past_rate("o$round", 40, 'ping', {});
    past_rate("j$round", 40, 'chat:join', { conversation_id => 'flood' });

    my $ws = client(user => "t$round", path => '/strict', %in);
    joined_flood($ws);
    my $before = metric('rtprop_session_rate_limited_total');
    $ws->send_raw(RTProp::WS->frame(TEXT, JSON::PP::encode_json({
        type => 'chat:typing', payload => { conversation_id => 'flood' } }))
        x $burst);
    ok($ws->fence, 'typing: over its rate it is dropped, silently');
    is(scalar(grep { $_->{type} eq 'error' } $ws->events), 0, 'and forgiven');
    cmp_ok(metric('rtprop_session_rate_limited_total') - $before, '>=',
           $burst / 2, 'typing: counted');
    $ws->close;

    auction("flood$round");
    $ws = client(user => "b$round", path => '/bid', %in);
    $ws->send_json('auction:join', { auction_id => "flood$round" }, 'join');
    $ws->wait_for('auction:state');
    my $count = flood($ws, $burst, 'auction:bid',
                      { auction_id => "flood$round", amount => 1 });
    cmp_ok($count->{rate_limited}, '>=', $burst / 2, 'bids: refused');
    ok($ws->fence, 'bids: the bidder stays');
    $ws->close;

    # what is no command
    $ws = client(user => "e$round", path => '/strict');
    $ws->send_raw(RTProp::WS->frame(TEXT, '{') x $burst);
    is(($ws->wait_close)[0], 4002, 'nonsense: closed');
    is(scalar(grep { $_->{type} eq 'error' } $ws->events), ERRORS + 1,
       'after so many errors');
    $ws->drop;

    api(POST => "/api/auctions/flood$round/cancel", {});
    served($witness, 'floods of commands');
});


sub ends_with {
    my ($code, $n, $name, $bytes, %opt) = @_;
    my @clients = map { client(user => "x$_", %opt) } 1 .. $n;

    $_->send_raw($bytes) for @clients;
    is(scalar(grep { ($_->wait_close)[0] == $code } @clients), $n, $name);
    $_->drop for @clients;
}

my @deflate = (path => '/deflate',
               headers => [offer('permessage-deflate')]);
my $bomb = pack_message('{"type":"' . ' ' x 5_000_000);

rounds('messages that are too large', sub {
    my $witness = witness();

    ends_with(1009, $many, 'by its header',
              RTProp::WS->frame(TEXT, '', length => 1 << 20));
    ends_with(1009, $many, 'by its octets',
              RTProp::WS->frame(TEXT, 'x' x 70_000));
    ends_with(1009, $many, 'a bomb',
              RTProp::WS->frame(TEXT, $bomb, rsv => 4), @deflate);
    ends_with(1002, $many, 'an opcode that is none',
              RTProp::WS->frame(5, 'x'));
    served($witness, 'too large');
});


rounds('floods of handshakes', sub {
    my $witness = witness();
    my $token = token(sub => 'knock');
    my $head = "HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
               . "Connection: Upgrade\r\nSec-WebSocket-Key: "
               . "AAAAAAAAAAAAAAAAAAAAAA==\r\n";
    my @bad = (
        "GET /ws?token=x $head" . "Sec-WebSocket-Version: 13\r\n\r\n",
        "GET /ws?token=$token $head" . "Sec-WebSocket-Version: 12\r\n\r\n",
        "GET /ws?token=$token $head" . "Sec-WebSocket-Version: 13\r\n"
            . "Origin: http://elsewhere.example\r\n\r\n",
        "POST /ws?token=$token $head\r\n",
        "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    );
    my $refused = metric('rtprop_session_handshakes_refused_total');

    for (1 .. $knocks / 100) {
        my @sockets = raw_sockets(100, sub { $bad[$_[0] % @bad] });
        shutdown $_, 1 for @sockets;
        drop_all(@sockets) == 0 or fail('a refused one stayed');
    }

    cmp_ok(metric('rtprop_session_handshakes_refused_total') - $refused, '>=',
           $knocks, 'all are refused');

    # connections of one user
    my @five = map { client(user => 'five', path => '/strict') } 1 .. 5;
    my %status;
    $status{client(user => 'five', path => '/strict', welcome => 0)->status}++
        for 1 .. $many;
    is_deeply(\%status, { 429 => $many }, 'one user has five, not more');
    $_->close for @five;

    served($witness, 'handshakes');
});


# What the API refuses, by the status that it answers.

sub refusals {
    my $head = "HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
               . "Content-Type: application/json\r\n";
    my $key = 'Authorization: Bearer ' . API_KEY . "\r\n";
    my $events = '[' . join(',', ('{"channel":"all","type":"x:event"}') x 101)
                 . ']';
    my $body = sub { 'Content-Length: ' . length($_[0]) . "\r\n\r\n$_[0]" };

    return (
        [401, "POST /api/publish ${head}Authorization: Bearer x\r\n"
              . $body->('{}')],
        [413, "POST /api/publish $head${key}Content-Length: 2000000\r\n\r\n"],
        [413, "POST /api/publish $head${key}Transfer-Encoding: chunked\r\n\r\n"
              . "200000\r\nx"],
        [400, "POST /api/publish $head$key" . $body->('{')],
        [422, "POST /api/publish $head$key" . $body->($events)],
        [404, "GET /api/nothing $head$key\r\n"],
    );
}


sub statuses {
    my (@sockets) = @_;
    my %count;

    for my $s (@sockets) {
        my $line = readline($s) // '';
        $count{$line =~ m{^HTTP/1\.1 (\d+) } ? $1 : 'none'}++;
        close $s;
    }

    return \%count;
}

rounds('floods of requests', sub {
    my $witness = witness();
    my @bad = refusals();
    my (%expected, %count);

    for (1 .. $knocks / 60) {
        my $one = statuses(raw_sockets(10 * @bad,
                                       sub { $bad[$_[0] % @bad][1] }));
        $count{$_} += $one->{$_} for keys %$one;
        $expected{$_->[0]} += 10 for @bad;
    }

    is_deeply(\%count, \%expected, 'each is refused for its own reason');
    is(api(POST => '/api/publish', { channel => 'all', type => 'x:event' })
       ->{status}, 200, 'a good one is served');
    served($witness, 'requests');
});


rounds('a thousand joins', sub {
    my $witness = witness();
    my $ws = client(user => 'joiner');
    my %count;

    for my $part (0 .. 10) {
        $ws->send_json('property:subscribe', { property_id => "p$_" }, "p$_")
            for $part * 100 .. $part * 100 + 99;
        $ws->fence;
        $count{$_->{type} eq 'error' ? $_->{payload}{code} : $_->{type}}++
            for grep { defined $_->{id} } $ws->events;
        $ws->clear;
    }

    is($count{unavailable}, 101, 'beyond a thousand channels: refused');
    is($count{'property:state'}, 999, 'all others are joined');
    $ws->close;
    served($witness, 'joins');
});


rounds("a reader that never reads, among $readers that do", sub {
    my ($round) = @_;
    my $witness = witness();

    api(PUT => '/api/conversations/load0', { participants =>
        [map { "u$_" } 0 .. $readers - 1] });

    # a conversation has 1,000 participants: it is one of them, a second time
    my $slow = metric('rtprop_ws_slow_total');
    my $sink = RTProp::WS->connect(port => $narrow, path => '/sink',
        rcvbuf => 4096, token => token(sub => "u$round",
                                       conversations => ['load0']));
    $sink->send_json('chat:join', { conversation_id => 'load0', limit => 1 });
    $sink->wait_for('chat:joined');

    my $result = load_tool(
        '--url', 'ws://127.0.0.1:' . $nginx->port . '/load?u=u{i}',
        '--join', '{"type":"chat:join","payload":{"conversation_id":"load0",'
                  . '"limit":1}}', '--joined', 'chat:joined',
        '--clients', $readers, '--settle', 0.1,
        '--warmup', 0, '--seconds', full(4, 1), '--window', 1,
        '--pad', 4000, '--drain', 30, '--connect-rate', 5000);

    is($result->{missing} + $result->{skipped} + $result->{again}
       + $result->{failed} + $result->{closed}, 0, 'who reads got all')
        or diag($result->{why});
    cmp_ok($result->{received} // 0, '>=', 10 * $readers * 0.9,
           'and it was much');

    # a slow machine may not have said enough to fill what the kernel holds

    ok(until_true(sub {
        return 1 if metric('rtprop_ws_slow_total') == $slow + 1;

        api(POST => '/api/publish', { channel => 'conversation:load0',
            type => 'x:more', payload => { pad => 'x' x 4000 } });
        return 0;
    }), 'who does not is closed');

    like(RTProp::Nginx::slurp($nginx->prefix . '/logs/sessions.log'),
         qr/^(?=.*"user":"u$round").*"close_code":1013/m, 'with 1013');
    $sink->drop;
    served($witness, 'the reader that never reads');
});

done_testing();
