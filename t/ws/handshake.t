#!/usr/bin/perl

# The opening handshake (RFC 6455, 4.2) and the handover of the connection.

use strict;
use warnings;

use IO::Socket::INET;

use lib 't/lib';
use RTProp::Test;

my $h2_port = RTProp::Nginx::free_port();

my $nginx = rtprop_nginx(tls => 1, http => <<"END", server => <<'END');
    rtprop_zone rtprop 16m;

    server {
        listen 127.0.0.1:$h2_port http2;

        location /echo {
            rtprop echo;
        }
    }
END
    location /echo {
        rtprop echo;
    }

    location /plain {
        return 200 "plain\n";
    }
END


sub ws {
    my (%opt) = @_;
    return RTProp::WS->connect(path => '/echo', %opt,
        port => $opt{tls} ? $nginx->tls_port : $nginx->port);
}


sub echo_ok {
    my ($ws, $name) = @_;

    $ws->send_text("echo of $name");
    my $frame = $ws->recv_frame;
    is($frame && $frame->{payload}, "echo of $name", $name);
}


# accepted

for my $tls (0, 1) {
    my $ws = ws(tls => $tls);
    my $name = $tls ? 'TLS' : 'plain';

    is($ws->status, 101, "$name: switched");
    ok($ws->accept_ok, "$name: the accept value fits the key");
    is(lc $ws->header('Upgrade'), 'websocket', "$name: Upgrade");
    is(lc $ws->header('Connection'), 'upgrade', "$name: Connection");
    is($ws->header('Content-Length'), undef, "$name: no length");
    is($ws->header('Transfer-Encoding'), undef, "$name: not chunked");
    is($ws->header('Sec-WebSocket-Extensions'), undef, "$name: no extension");
    is($ws->header('Sec-WebSocket-Protocol'), undef, "$name: no subprotocol");
    echo_ok($ws, $name);
}

my @accepted = (
    ['other case and lists', [Upgrade => 'foo, WebSocket',
                              Connection => 'keep-alive, UPGRADE']],
    ['lists in several lines', [Connection => 'keep-alive',
                                Connection => 'Upgrade']],
    ['extensions offered', ['Sec-WebSocket-Extensions',
                            'permessage-deflate; client_max_window_bits']],
    ['subprotocols offered', ['Sec-WebSocket-Protocol', 'a, b']],
    ['a browser\'s headers', [Origin => 'http://localhost',
                              'User-Agent' => 'x', Cookie => 'a=b; c=d']],
);

for (@accepted) {
    my ($name, $headers) = @$_;
    my $ws = ws(headers => $headers);
    is($ws->status, 101, "$name: switched");
    echo_ok($ws, $name);
}


# refused

my @refused = (
    ['POST', 405, method => 'POST'],
    ['PUT', 405, method => 'PUT'],
    ['POST with a body', 405, method => 'POST',
     headers => ['Content-Length', 4], early => 'body'],
    ['HTTP/1.0', 400, http => '1.0'],
    ['no Upgrade', 426, headers => [Upgrade => undef]],
    ['another Upgrade', 426, headers => [Upgrade => 'h2c']],
    ['no Connection', 400, headers => [Connection => undef]],
    ['Connection without upgrade', 400, headers => [Connection => 'close']],
    ['no key', 400, headers => ['Sec-WebSocket-Key', undef]],
    ['short key', 400, headers => ['Sec-WebSocket-Key', 'c2hvcnQ=']],
    ['key that is no base64', 400,
     headers => ['Sec-WebSocket-Key', '!!!!!!!!!!!!!!!!!!!!!!==']],
    ['two keys', 400,
     headers => [('Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ==') x 2]],
    ['no version', 426, headers => ['Sec-WebSocket-Version', undef]],
    ['version 8', 426, headers => ['Sec-WebSocket-Version', 8]],
    ['version 0', 426, headers => ['Sec-WebSocket-Version', 0]],
    ['malformed subprotocols', 400,
     headers => ['Sec-WebSocket-Protocol', 'a b']],
    ['a body', 400, headers => ['Content-Length', 4], early => 'body'],
);

my %code = (400 => 'bad_handshake', 405 => 'method_not_allowed',
            426 => 'upgrade_required');

for (@refused) {
    my ($name, $status, @opt) = @$_;
    my $ws = ws(@opt);
    my $body = $ws->body_json || {};

    is($ws->status, $status, "$name: status");
    is($body->{code}, $code{$status}, "$name: code");
    ok(length($body->{message} // ''), "$name: message");
    is($ws->header('Content-Type'), 'application/json', "$name: JSON");

    if ($status == 426) {
        is($ws->header('Sec-WebSocket-Version'), 13, "$name: our version");
        is($ws->header('Upgrade'), 'websocket', "$name: what is spoken");
        like(join(',', $ws->headers_of('Connection')), qr/\bupgrade\b/,
             "$name: for this connection");
    }

    is($ws->header('Allow'), 'GET', "$name: what is allowed")
        if $status == 405;
}

my $http = http();
my $plain = $http->request(GET => '/echo');
is($plain->{status}, 426, 'a plain GET');
is($plain->{headers}{upgrade}, 'websocket', 'learns what is spoken here');
is($http->request(HEAD => '/echo')->{status}, 405, 'a HEAD');
is($http->request(GET => '/plain')->{body}, "plain\n",
   'a connection that was refused serves on');


# HTTP/2 has another handshake (RFC 8441), which is not spoken here

{
    my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$h2_port")
        or die "connect: $!";
    my $headers = "\x82\x86\x04\x05/echo\x01\x09localhost";

    print {$socket} "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\0\0\0\4\0\0\0\0\0",
        substr(pack('N', length $headers), 1), "\1\5\0\0\0\1", $headers;
    $socket->flush;

    my ($in, $type, $block) = ('', -1, '');

    while ($type != 1 && sysread $socket, $in, 4096, length $in) {
        while (length $in >= 9) {
            my ($length) = unpack 'N', "\0" . substr $in, 0, 3;
            last if length $in < 9 + $length;
            $type = ord substr $in, 3, 1;
            $block = substr $in, 9, $length;
            substr $in, 0, 9 + $length, '';
            last if $type == 1;
        }
    }

    # after table size updates, 0x8c is ":status: 400" of the static table
    like($block, qr/^[\x20-\x3f]*\x8c/, 'HTTP/2: 400');
}


# frames that come with the request

my $text = RTProp::WS->frame(1, 'early');

for my $tls (0, 1) {
    my $name = $tls ? 'TLS' : 'plain';

    my $ws = ws(tls => $tls, early => $text);
    is($ws->recv_frame->{payload}, 'early', "$name: a frame in one segment");
    echo_ok($ws, "$name, after an early frame");

    $ws = ws(tls => $tls, early => $text x 3 . substr $text, 0, 7);
    is($ws->recv_frame->{payload}, 'early', "$name: early frame $_")
        for 1 .. 3;
    $ws->send_raw(substr $text, 7);
    is($ws->recv_frame->{payload}, 'early', "$name: begun early");

    # more than nginx's header buffer holds, and a buffer of the large kind
    for my $cookie (1, 3000) {
        my $long = 'y' x 20000;
        $ws = ws(tls => $tls, headers => [Cookie => 'c=' . 'x' x $cookie],
                 early => $text . RTProp::WS->frame(1, $long) . $text);
        is($ws->recv_frame->{payload}, 'early', "$name: before a long one");
        is($ws->recv_frame->{payload}, $long, "$name: a long early frame");
        is($ws->recv_frame->{payload}, 'early', "$name: behind it");
    }

    $ws = ws(tls => $tls, early => RTProp::WS->frame(8, pack 'n', 1000));
    is(($ws->wait_close)[0], 1000, "$name: an early close");
    ok($ws->wait_eof, "$name: ends the connection");

    $ws = ws(tls => $tls, early => "\xff\xff");
    is(($ws->wait_close)[0], 1002, "$name: early rubbish");
}


# a request octet by octet, frame included

{
    my $request = join "\r\n", 'GET /echo HTTP/1.1', 'Host: localhost',
        'Upgrade: websocket', 'Connection: Upgrade',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
        'Sec-WebSocket-Version: 13', '', '';

    my $ws = ws();
    $ws->drop;
    $ws->open_socket;
    $ws->{key} = 'dGhlIHNhbXBsZSBub25jZQ==';
    $ws->send_raw($request . $text, cuts => [1]);
    $ws->read_handshake;
    is($ws->status, 101, 'octet by octet: switched');
    is($ws->header('Sec-WebSocket-Accept'), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
       'the value of RFC 6455, 1.3');
    is($ws->recv_frame->{payload}, 'early', 'octet by octet: the frame');
    is(($ws->close)[0], 1000, 'octet by octet: closed');
}


# a request before on the same connection

{
    my $ws = ws();
    $ws->drop;
    $ws->open_socket;
    $ws->send_raw("GET /plain HTTP/1.1\r\nHost: localhost\r\n\r\n");
    $ws->read_handshake;
    is($ws->status, 200, 'kept alive: the first answer');
    $ws->{in} = '';
    $ws->send_handshake;
    $ws->read_handshake;
    is($ws->status, 101, 'kept alive: then switched');
    echo_ok($ws, 'kept alive');
}


# one line in the access log, written at the handshake

{
    my $before = () = $nginx->access_log =~ /" 101 /g;
    my $ws = ws();
    echo_ok($ws, 'logged');
    my $after = () = $nginx->access_log =~ /" 101 /g;
    is($after, $before + 1, 'one line while the connection lives');
    $ws->close;
    $after = () = $nginx->access_log =~ /" 101 /g;
    is($after, $before + 1, 'none when it ends');
}

done_testing();
