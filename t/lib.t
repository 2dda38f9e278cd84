#!/usr/bin/perl

# The test library itself: nginx's life, the clients, tokens.

use strict;
use warnings;

use File::Temp;
use JSON::PP;
use Socket;

use lib 't/lib';
use RTProp::Test;

my $nginx = rtprop_nginx(tls => 1, http => '', server => <<'END');
    location /ok {
        return 200 "fine\n";
    }

    location /length {
        return 200 "$content_length $http_authorization\n";
    }

    location /json {
        default_type application/json;
        return 200 '{"a":[1,"ä"]}';
    }
END


# nginx's life

my @workers = $nginx->workers;
is(@workers, 4, 'four workers are ready');

$nginx->reload;
my @new = $nginx->workers;
my %old = map { $_ => 1 } @workers;
is(grep({ !$old{$_} } @new), 4, 'a reload brings four new ones');
ok($nginx->wait_drained, 'the old ones leave');

my $pid = $nginx->kill_worker($new[1]);
ok(!grep({ $_ == $pid } @new), 'a killed worker has a successor');
is_deeply([$nginx->bad_lines], [], 'its death is expected, nothing else is');
ok($nginx->wait_log(qr/exited on signal 9/), 'and is in the log');

my ($ok, $said) = nginx_t(http => 'nonsense on;');
ok(!$ok, 'nginx -t refuses');
like($said, qr/unknown directive "nonsense"/, 'and says why');

($ok) = nginx_t(http => '', server => 'return 204;');
ok($ok, 'nginx -t accepts');


# ports

my $port = RTProp::Nginx::free_port();
cmp_ok($port, '<', 32768, 'a free port, not one that the kernel gives out');

my $got = open(my $other_test, '-|') // die "fork: $!";

if ($got == 0) {
    exec($^X, '-It/lib', '-MRTProp::Nginx', '-e',
         "print RTProp::Nginx::take_port($port) ? 'taken' : 'refused'") or die;
}

is(do { local $/; <$other_test> }, 'refused', 'is nobody else\'s');
close $other_test;


# the lines that fail a test

{
    my $other = RTProp::Nginx->new(workers => 1, http => '',
                                   server => 'return 204;')->start;
    open my $log, '>>', $other->log_file or die;
    print {$log} "2026/01/01 00:00:00 [notice] 1#1: fine\n",
                 "2026/01/01 00:00:00 [error] 1#1: one\n",
                 "2026/01/01 00:00:00 [alert] 1#1: two\n",
                 "x.c:1:2: runtime error: three\n";
    close $log;

    is(@{[$other->bad_lines]}, 3, 'errors, alerts and sanitizer lines fail');
    $other->allow(qr/: one/, qr/: two/);
    is(@{[$other->bad_lines]}, 1, 'unless allowed');
    ok($other->stop('QUIT'), 'nginx stops');
    ok(!-d '/proc/' . $other->master_pid, 'and is gone');
}


# HTTP

for my $tls (0, 1) {
    my $http = http(tls => $tls, bearer => 'key');
    my $name = $tls ? 'https' : 'http';

    my $res = $http->get('/ok');
    is($res->{status}, 200, "$name: status");
    is($res->{body}, "fine\n", "$name: body");

    my $socket = $http->{socket};
    $res = $http->post('/length', { a => 1 });
    is($res->{body}, "7 Bearer key\n", "$name: request body and key");
    is($http->{socket}, $socket, "$name: the connection is kept");

    is_deeply($http->get('/json')->{json}, { a => [1, "\x{e4}"] },
              "$name: JSON");
    is($http->head('/ok')->{status}, 200, "$name: HEAD");
}


# the WebSocket client: refusals by nginx itself, frames over a socket pair

my $refused = RTProp::WS->connect(port => $nginx->port, path => '/absent');
is($refused->status, 404, 'a refused handshake has its status');
like($refused->body, qr/404 Not Found/, 'and body');
$nginx->allow(qr/No such file or directory/);

{
    socketpair my $near, my $far, AF_UNIX, SOCK_STREAM, PF_UNSPEC or die;
    $_->blocking(0) for $near, $far;

    my %common = (in => '', events => [], timeout => 1, auto_pong => 1);
    my $ws = bless { %common, socket => $near }, 'RTProp::WS';
    my $peer = bless { %common, socket => $far }, 'RTProp::WS';

    for my $length (0, 1, 125, 126, 65535, 65536) {
        my $payload = 'x' x $length;
        $ws->send_text($payload, cuts => [1, 2, 3, 40000]);
        my $frame = $peer->recv_frame;
        ok($frame->{masked} && $frame->{payload} eq $payload,
           "a frame of $length octets");
    }

    $ws->send_frame(1, 'hello', mask => "\1\2\3\4");
    sysread $far, my $raw, 100;
    is(unpack('H*', $raw), '81850102030469676f686e', 'masked as given');

    $peer->send_frame(1, '{"type":"a",', fin => 0, mask => 0);
    $peer->send_frame(9, 'p', mask => 0);
    $peer->send_frame(0, '"payload":{"n":1}}', mask => 0);
    $peer->send_text('{"type":"b","payload":{"n":2}}', mask => 0);
    $peer->send_text('{"type":"b","payload":{"n":3}}', mask => 0);

    my $b = $ws->wait_for('b', sub { $_[0]{payload}{n} == 3 });
    is($b->{payload}{n}, 3, 'wait_for finds the event');
    is_deeply([map { $_->{payload}{n} } $ws->events], [1, 2],
              'and keeps the others');
    is($ws->recv_json->{type}, 'a', 'in order');
    is($peer->recv_frame->{opcode}, 10, 'a ping was answered');

    ok(!$ws->wait_for('c', undef, 0.05), 'what does not come is undef');
    is($ws->error, 'timeout', 'with its reason');

    $peer->send_frame(8, pack('na*', 4001, 'token expired'), mask => 0);
    is_deeply([$ws->wait_close], [4001, 'token expired'], 'close code');

    $peer->drop;
    ok($ws->wait_eof, 'end of the connection');
}


# tokens: the example of RFC 7515 appendix A.1, then what openssl makes

is(RTProp::JWT::token('HS256',
       "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n"
       . " \"http://example.com/is_root\":true}",
       MIME::Base64::decode_base64url('AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJ'
           . 'QLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow'),
       "{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}") =~ s/.*\.//r,
   'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk', 'HS256');

{
    my $dir = File::Temp->newdir;

    for my $alg (qw(RS256 ES256 EdDSA)) {
        my $key = RTProp::JWT::keypair($alg, $dir);
        my $token = RTProp::JWT::token($alg, { sub => 'u1' }, $key);
        my ($signature) = $token =~ /\.([^.]+)$/;
        my $length = length MIME::Base64::decode_base64url($signature);

        is($length, $alg eq 'RS256' ? 256 : 64, "$alg: signature");

        my $jwk = RTProp::JWT::jwk($key, 'k');
        is(length MIME::Base64::decode_base64url($jwk->{n} // $jwk->{x}),
           $alg eq 'RS256' ? 256 : 32, "$alg: JWK");
    }
}


done_testing();
