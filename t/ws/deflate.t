#!/usr/bin/perl

# permessage-deflate beyond the known cases: the answer's header, what must be
# refused, bounds, what is compressed and what is not, and what many receive.

use strict;
use warnings;

use JSON::PP;

use lib 't/lib';
use RTProp::Test;
use RTProp::Deflate;

use constant { CONT => 0, TEXT => 1, BINARY => 2, PING => 9, PONG => 10,
               PMD => 'permessage-deflate' };

my $nginx = rtprop_nginx(tls => 1, server => <<'END');
    rtprop_compression on threshold=100;

    location /echo {
        rtprop echo;
    }

    location /small {
        rtprop echo;
        rtprop_compression on window=10 level=9 threshold=0;
        rtprop_max_message 1k;
    }

    location /large {
        rtprop echo;
        rtprop_max_message 16m;
    }

    location /off {
        rtprop echo;
        rtprop_compression off;
    }

    location /ws {
        rtprop native;
        rtprop_user $arg_u;
        rtprop_user_connections 100;
    }

    location /threshold {
        rtprop native;
        rtprop_user $arg_u;
        rtprop_user_connections 100;
        rtprop_compression on threshold=10k;
    }

    location /api/ {
        rtprop api;
        rtprop_api_key api.key;
    }

    location /metrics {
        rtprop metrics;
    }
END


# One more "offer" may say to use TLS.

sub ws {
    my ($path, @offers) = @_;
    my $tls = grep { $_ eq 'tls' } @offers;

    return RTProp::WS->connect(path => $path, tls => $tls,
        port => $tls ? $nginx->tls_port : $nginx->port,
        headers => [offer(grep { $_ ne 'tls' } @offers)]);
}


# A connection to /echo that agreed, and what packs for it.

sub pair {
    my ($path, @offers) = @_;
    my $ws = ws($path // '/echo', @offers ? @offers : PMD);
    return ($ws, RTProp::Deflate->new($ws));
}


my $json = encode_json([map { { id => $_, name => "number $_" } } 1 .. 40]);
my $noise = join '', map { chr int rand 256 } 1 .. 2000;


# the answer

my $both = PMD . '; server_no_context_takeover; client_no_context_takeover';

my @answers = (
    ['/echo', $both, PMD],
    ['/echo', $both, PMD . '; server_no_context_takeover'],
    ['/echo', "$both; server_max_window_bits=12",
     PMD . '; server_max_window_bits=12'],
    ['/echo', "$both; client_max_window_bits=15",
     PMD . '; client_max_window_bits'],
    ['/echo', "$both; client_max_window_bits=8",
     PMD . '; client_max_window_bits=8'],
    ['/echo', "$both; server_max_window_bits=9; client_max_window_bits=10",
     PMD . '; client_max_window_bits=10; server_max_window_bits="9"'],
    ['/echo', $both, 'x-webkit-deflate-frame, ' . PMD],
    ['/echo', $both, PMD . '; server_max_window_bits=8, ' . PMD],
    ['/echo', $both, PMD . '; unknown', PMD],
    ['/echo', "$both; server_max_window_bits=11", 'x-other',
     PMD . '; server_max_window_bits=11'],
    ['/small', "$both; server_max_window_bits=10", PMD],
    ['/small', "$both; server_max_window_bits=10",
     PMD . '; server_max_window_bits=15'],
    ['/small', "$both; server_max_window_bits=9",
     PMD . '; server_max_window_bits=9'],

    (map { ['/echo', undef, PMD . "; $_"] }
     qw(unknown server_max_window_bits server_max_window_bits=8
        server_max_window_bits=7 server_max_window_bits=16
        server_max_window_bits=09 server_max_window_bits=
        client_max_window_bits=16 client_max_window_bits=7
        client_max_window_bits=010 client_max_window_bits=x
        server_no_context_takeover=1 client_no_context_takeover=),
     'client_max_window_bits; client_max_window_bits',
     'server_no_context_takeover; server_no_context_takeover'),

    ['/echo', undef, 'permessage-bzip2'],
    ['/echo', undef],
    ['/off', undef, PMD],
);

for (@answers) {
    my ($path, $answer, @offers) = @$_;
    my $ws = ws($path, @offers);

    is($ws->status, 101, "$path, offered: @offers");
    is_deeply([$ws->headers_of('Sec-WebSocket-Extensions')],
              [$answer // ()], 'the answer');
    $ws->drop;
}


# what is compressed, and what is not

{
    my ($ws, $pmd);

    for my $tls (0, 1) {
        ($ws, $pmd) = pair('/echo', PMD, $tls ? 'tls' : ());

        for (['JSON', TEXT, $json, 1], ['short', TEXT, 'a' x 99, 0],
             ['just long enough', TEXT, 'a' x 100, 1],
             ['binary', BINARY, "\xff" x 5000, 1], ['noise', BINARY, $noise, 0],
             ['nothing', TEXT, '', 0])
        {
            my ($name, $opcode, $octets, $packed) = @$_;

            $pmd->send($opcode, $octets);
            my $got = $pmd->recv;
            is($got->{payload}, $octets, "$name, sent compressed");
            is($got->{opcode}, $opcode, 'type');
            is($got->{packed}, $packed, $packed ? 'compressed' : 'plain');

            $ws->send_frame($opcode, $octets);
            is($pmd->recv->{payload}, $octets, "$name, sent plain");
        }

        is(($ws->close)[0], 1000, 'close');
    }

    $ws = ws('/echo');
    $ws->send_text($json);
    is($ws->recv_frame->{payload}, $json, 'plain for who did not ask');
    $ws->drop;
}


# the same octets each time: nothing is taken over

{
    my ($ws, $pmd) = pair();
    my @got = map { $ws->send_text($json); $ws->recv_frame->{payload} } 1, 2;

    is($got[0], $got[1], 'each message by itself');
    is(unpack_message($got[1]), $json, 'which is the message');

    # one that leans on the message before it (RFC 7692, 7.2.3.2)
    $pmd->send(TEXT, '', packed => "\xf2\x48\xcd\xc9\xc9\x07\x00");
    is($pmd->recv->{payload}, 'Hello', 'the example of the RFC');
    $pmd->send(TEXT, '', packed => "\xf2\x00\x11\x00\x00");
    is(($ws->wait_close)[0], 1007, 'its second message, with context');
    $ws->drop;
}


# windows

for my $bits (9 .. 15) {
    my ($ws, $pmd) = pair('/large', PMD . "; server_max_window_bits=$bits; "
                                    . "client_max_window_bits=$bits");
    my $text = join '', map { "$json " . ($_ % 7) } 1 .. 30;

    $pmd->send(TEXT, $text);
    my $got = $pmd->recv;
    ok($got && $got->{packed} && $got->{payload} eq $text, "window $bits");
    $ws->drop;
}


# frames

{
    my ($ws, $pmd) = pair();

    for my $fragment (1, 2, 7) {
        $pmd->send(TEXT, $json, fragment => $fragment);
        is($pmd->recv->{payload}, $json, "fragments of $fragment");
    }

    $pmd->send(TEXT, $json, cuts => [1]);
    is($pmd->recv->{payload}, $json, 'octet by octet');

    my $packed = pack_message($json);
    $ws->send_frame(TEXT, '', fin => 0, rsv => 4);
    $ws->send_frame(CONT, substr($packed, 0, 10), fin => 0);
    $ws->send_frame(PING, 'between');
    $ws->send_frame(CONT, substr($packed, 10), fin => 0);
    $ws->send_frame(CONT, '');
    is($ws->recv_frame->{payload}, 'between', 'a ping between fragments');
    is($pmd->recv->{payload}, $json, 'and fragments without an octet');

    for (["\x00", '', 'the empty message'], ['', '', 'not one octet'],
         ["\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 'Hello', 'a final block'],
         ["\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff\xff\x00\x00\x00\xff\xff"
          . "\x00", 'Hello', 'several empty blocks at the end'])
    {
        my ($octets, $plain, $name) = @$_;
        $pmd->send(TEXT, '', packed => $octets);
        is($pmd->recv->{payload}, $plain, $name);
    }

    $ws->drop;
}


# what is refused

sub refused {
    my ($name, $code, $path, $offer, @frames) = @_;
    my $ws = ws($path, $offer ? $offer : ());

    $ws->send_raw(join '', map { RTProp::WS->frame(@$_) } @frames);
    is(($ws->wait_close)[0], $code, $name);
    ok($ws->wait_eof, 'and the end');
    $ws->drop;
}

my $hello = "\xf2\x48\xcd\xc9\xc9\x07\x00";
my @rsv1 = (rsv => 4);

refused('RSV1, not offered', 1002, '/echo', undef, [TEXT, $hello, @rsv1]);
refused('RSV1, refused offer', 1002, '/echo', PMD . '; unknown',
        [TEXT, $hello, @rsv1]);
refused('RSV1, off', 1002, '/off', PMD, [TEXT, $hello, @rsv1]);
refused('RSV1 on a ping', 1002, '/echo', PMD, [PING, '', @rsv1]);
refused('RSV1 on a pong', 1002, '/echo', PMD, [PONG, '', @rsv1]);
refused('RSV1 on a close', 1002, '/echo', PMD, [8, "\x03\xe8", @rsv1]);
refused('RSV1 on a continuation', 1002, '/echo', PMD,
        [TEXT, $hello, @rsv1, fin => 0], [CONT, '', @rsv1]);
refused('RSV1 on a plain message\'s continuation', 1002, '/echo', PMD,
        [TEXT, 'a', fin => 0], [CONT, $hello, @rsv1]);
refused("RSV $_", 1002, '/echo', PMD, [TEXT, $hello, rsv => $_])
    for 1, 2, 3, 5, 6, 7;

refused('noise', 1007, '/echo', PMD, [TEXT, "\xff" x 20, @rsv1]);
refused('plain text', 1007, '/echo', PMD, [TEXT, 'Hello, world', @rsv1]);
refused('cut off', 1007, '/echo', PMD, [TEXT, substr($hello, 0, 4), @rsv1]);
refused('bad UTF-8', 1007, '/echo', PMD,
        [TEXT, pack_message("caf\xe9" x 100), @rsv1]);
refused('bad UTF-8, plain', 1007, '/echo', PMD, [TEXT, "caf\xe9"]);


# bounds: max_message counts what comes out

my $bomb = pack_message("\0" x 50_000_000, level => 9);

refused('one octet too many', 1009, '/echo', PMD,
        [BINARY, pack_message('a' x 65537), @rsv1]);
refused('a bomb', 1009, '/echo', PMD, [BINARY, $bomb, @rsv1]);
refused('a bomb in fragments', 1009, '/echo', PMD,
        [BINARY, substr($bomb, 0, 20000), @rsv1, fin => 0],
        [CONT, substr $bomb, 20000]);
refused('a bomb above the ratio', 1009, '/large', PMD,
        [BINARY, pack_message("\0" x 10_000_000), @rsv1]);
refused('too large by its header', 1009, '/echo', PMD,
        [BINARY, '', @rsv1, length => 100_000]);

{
    my ($ws, $pmd) = pair();
    $pmd->send(BINARY, 'a' x 65536);
    is($pmd->recv->{payload}, 'a' x 65536, 'as much as is allowed');

    my $most = join '', map { chr int rand 256 } 1 .. 65536;
    my $packed = pack_message($most);
    ok(length $packed > 65536, 'noise grows when it is compressed');
    $pmd->send(BINARY, '', packed => $packed);
    ok($pmd->recv->{payload} eq $most, 'and is taken');
    $ws->drop;

    ($ws, $pmd) = pair('/large');
    $pmd->send(TEXT, $json x 500);
    ok($pmd->recv->{payload} eq $json x 500, 'a large message');
    $ws->drop;
}

# on a native location nothing is parsed before that

refused('a bomb as the first message', 1009, '/ws?u=mallory', PMD,
        [TEXT, pack_message('{"type":"' . ' ' x 5_000_000), @rsv1]);


# many receivers

sub metrics {
    return http->get('/metrics')->{body}
           =~ /^(rtprop_ws_compressed\w+) (\d+)/mg;
}


# The server learns a moment later that a client is gone.

sub connections {
    my ($expected, $name) = @_;
    my $deadline = time + 5;
    my $count;

    do {
        $count = {metrics()}->{rtprop_ws_compressed_connections};
    } until $count == $expected || time > $deadline;

    is($count, $expected, $name);
}

my @receivers = (
    [plain => '/ws?u=ann'],
    [15 => '/ws?u=ann', PMD],
    ['15 again' => '/ws?u=ann', PMD . '; client_max_window_bits'],
    [9 => '/ws?u=ann', PMD . '; server_max_window_bits=9'],
    [threshold => '/threshold?u=ann', PMD],
);

sub publish {
    my (@lengths) = @_;

    return api(POST => '/api/publish', [map {
        { channel => 'user:ann', type => 'notification',
          payload => { text => join ' ', 1 .. $_ } } } @lengths]);
}

{
    my @ws = map { my (undef, $path, @offers) = @$_;
                   ws($path, @offers) } @receivers;
    my @pmd = map { scalar RTProp::Deflate->new($_) } @ws;

    ok(!$pmd[0] && 4 == grep({ $_ } @pmd), 'four of five agreed');

    my @ends = map { $pmd[$_] || bless { ws => $ws[$_] }, 'RTProp::Deflate' }
               0 .. $#ws;

    for (@ends) {
        like($_->recv->{payload}, qr/welcome/, 'welcome');
    }

    # alone, and several of one turn joined: large, small, large
    for my $lengths ([200], [200, 1, 300], [1, 2, 3], [3000, 100],
                     [map { $_ * 10 } 1 .. 30])
    {
        is(publish(@$lengths)->{status}, 200, "published: @$lengths");

        for my $i (0 .. $#ends) {
            my @got = map { $ends[$i]->recv } @$lengths;
            my @texts = map { decode_json($_->{payload})->{payload}{text} }
                        @got;

            is_deeply([map { scalar split ' ' } @texts], $lengths,
                      "$receivers[$i][0]: all, in order");

            my $from = $i == 0 ? 1e9 : $i == 4 ? 10240 : 100;
            is_deeply([map { $_->{packed} } @got],
                      [map { length $_->{payload} >= $from ? 1 : 0 } @got],
                      'compressed from the threshold on');
        }
    }

    connections(4, 'the gauge');

    my %metric = metrics();

    cmp_ok($metric{rtprop_ws_compressed_refused_total}, '>=', 9, 'refused');

    # two windows, in each of four workers once at most
    my @many = map { ws('/ws?u=ann', PMD) } 1 .. 20;
    connections(24, 'and many more');

    my $before = $metric{rtprop_ws_compressed_out_plain_bytes_total};

    publish(2000);

    for (@ends) {
        $_->recv;
    }

    %metric = metrics();

    my $size = length join ' ', 1 .. 2000;
    my $counted = $metric{rtprop_ws_compressed_out_plain_bytes_total} - $before;
    ok($counted > 2 * $size && $counted < 9 * $size,
       'compressed once for each window, no matter how many have it')
        or diag("$counted octets, $size each");
    cmp_ok($metric{rtprop_ws_compressed_out_bytes_total}, '<',
           $metric{rtprop_ws_compressed_out_plain_bytes_total}, 'it is less');
    cmp_ok($metric{rtprop_ws_compressed_in_plain_bytes_total}, '>',
           $metric{rtprop_ws_compressed_in_bytes_total}, 'and so it comes');

    $_->close for @ws, @many;

    connections(0, 'the gauge goes back');
}


# a command, compressed; what collects batches collects plain text

{
    my ($ws, $pmd) = pair('/ws?u=bob', PMD);
    $pmd->recv;
    $pmd->send(TEXT, '{"type":"ping","id":"' . 'a' x 100 . '"}');
    my $got = $pmd->recv;
    is($got->{packed}, 1, 'the answer is compressed');
    is(decode_json($got->{payload})->{id}, 'a' x 100, 'to the command');
    $ws->drop;
}

done_testing();
