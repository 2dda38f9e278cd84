#!/usr/bin/perl

# The API over connections of every kind: kept alive, TLS, HTTP/2, a socket in
# the file system.

use strict;
use warnings;

use File::Temp;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use Time::HiRes qw(time);

use lib 't/lib';
use RTProp::Test;

my $dir = File::Temp->newdir('socket-XXXXXX', TMPDIR => 1);
my $port = RTProp::Nginx::free_port();

chmod 0755, "$dir";

my $binary = RTProp::Nginx::binary();
my ($minor) = `$binary -v 2>&1` =~ m{nginx/1\.(\d+)};
my $http2 = $minor >= 25 ? "listen 127.0.0.1:$port; http2 on;"
                         : "listen 127.0.0.1:$port http2;";

my $nginx = rtprop_nginx(tls => 1, prefix => <<"END");
    server {
        $http2
        listen unix:$dir/socket;

        location /local/ {
            rtprop api;
        }
    }
END

my $event = { channel => 'all', type => 'x:event' };


# kept alive

my $http = http(bearer => API_KEY);

for (1 .. 20) {
    is($http->get('/api/channels')->{status}, 200, 'a kept connection');
    is($http->post('/api/publish', $event)->{status}, 200, 'a body on it');
    is($http->post('/api/nothing', $event)->{status}, 404, 'a refused one');
    is($http->put('/api/publish', 'x' x 5000)->{status}, 405,
       'a body that nobody reads');
}


# TLS

my $tls = http(tls => 1, bearer => API_KEY);
is($tls->get('/api/channels')->{status}, 200, 'over TLS');
is($tls->post('/api/publish', $event)->{status}, 200, 'and again');
is(http(tls => 1)->get('/api/channels')->{status}, 401, 'TLS is no key');


# a socket in the file system is this machine

my $unix = IO::Socket::UNIX->new(Peer => "$dir/socket") or die "socket: $!";
$unix->print("GET /local/channels HTTP/1.1\r\nHost: a\r\n"
             . "Connection: close\r\n\r\n");
like(join('', <$unix>), qr{^HTTP/1.1 200 }, 'over a socket of the machine');


# HTTP/2 with prior knowledge; header fields as literals (RFC 7541, 6.2.2)

sub literal {
    my ($name, $value) = @_;
    return pack 'C C/a C/a', 0, $name, $value;
}


sub frame {
    my ($type, $flags, $stream, $payload) = @_;
    return substr(pack('N', length $payload), 1)
           . pack('C C N', $type, $flags, $stream) . $payload;
}


sub request {
    my ($stream, $method, $path, $body) = @_;

    my $fields = join '', literal(':method', $method), literal(':path', $path),
                 literal(':scheme', 'http'), literal(':authority', 'a');
    $fields .= literal('content-type', 'application/json') if defined $body;

    # END_HEADERS 4, END_STREAM 1
    return frame(1, defined $body ? 4 : 5, $stream, $fields)
           . (defined $body ? frame(0, 1, $stream, $body) : '');
}


# Reads frames until so many streams have ended: stream => body.

sub answers {
    my ($socket, $wanted) = @_;
    my $deadline = time + 5;
    my ($in, $ended, %body) = ('', 0);

    while ($ended < $wanted) {
        my $left = $deadline - time;
        last if $left <= 0 || !IO::Select->new($socket)->can_read($left);
        sysread($socket, $in, 65536, length $in) or last;

        while (length $in >= 9) {
            my $length = unpack 'N', "\0$in";
            last if length $in < 9 + $length;

            my ($type, $flags, $stream) = unpack 'x3 C C N', $in;
            $body{$stream} .= substr $in, 9, $length if $type == 0;
            $ended++ if $stream && $type <= 1 && $flags & 1;
            substr $in, 0, 9 + $length, '';
        }
    }

    return \%body;
}

my $h2 = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port)
    or die "connect: $@";

$h2->print("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" . frame(4, 0, 0, '')
           . request(1, 'GET', '/local/channels')
           . request(3, 'POST', '/local/publish',
                     '{"channel":"all","type":"x"}')
           . request(5, 'POST', '/local/publish', '{'));
$h2->flush;

my $got = answers($h2, 3);

like($got->{1}, qr/^\{"channels":/, 'HTTP/2: a list');
is($got->{3}, '{"epoch":null,"offset":null}', 'HTTP/2: published');
like($got->{5}, qr/"code":"invalid_json"/, 'HTTP/2: refused');

# a stream that is reset at once

for my $stream (map { 2 * $_ + 5 } 1 .. 50) {
    $h2->print(request($stream, 'POST', '/local/publish',
                       '{"channel":"all","type":"x"}')
               . frame(3, 0, $stream, pack 'N', 8));
}

$h2->print(request(201, 'GET', '/local/channels'));
$h2->flush;

my $deadline = time + 5;
my $last;
$last = answers($h2, 1) until $last && $last->{201} || time > $deadline;

like($last->{201}, qr/"channels"/, 'HTTP/2: streams that were reset');

done_testing();
