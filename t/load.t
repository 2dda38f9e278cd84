#!/usr/bin/perl

# The load tool: what it counts is what was said, on a server that does as it
# should and on one that refuses.  Nothing here depends on speed.

use strict;
use warnings;

use File::Basename qw(dirname);
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();
use Test::More;

use lib 't/lib', 't/load';
use Cluster;
use Load;
use RTProp::Nginx;

my $top = RTProp::Nginx::top();
my $build = dirname(RTProp::Nginx::module());

# the flags of a make that runs this test are not meant for this one
delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL)};

my $said = `make -s -C "$top" BUILD="$build" load 2>&1`;
is($?, 0, 'it builds') or diag($said);

my $program = "$build/rtprop-load";
my $load = Load->new($program, workers => 2);
my @short = ('--clients', 20, '--settle', 0.1, '--warmup', 0.1,
             '--seconds', 0.5);


sub all_ok {
    my ($result, $clients, $name) = @_;

    is($result->{status}, 0, "$name: its exit status") or diag($result->{why});
    is($result->{ready}, $clients, "$name: all are ready");
    is($result->{failed} + $result->{closed}, 0, "$name: none is lost");
    is($result->{received}, $result->{expected}, "$name: all arrived");
    is($result->{$_}, 0, "$name: $_") for qw(missing skipped again stray);
}


# One connection's messages come back, but each fifth is lost, and each seventh
# changes places with the next one: (port, process).

sub bad_server {
    my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1)
        or die "listen: $@\n";
    my $pid = fork // die "fork: $!\n";

    return ($listen->sockport, $pid) if $pid;

    alarm 20;
    my $c = $listen->accept;
    my ($in, $number, $held) = ('', 0, '');

    while ($in !~ /\r\n\r\n/) {
        sysread $c, $in, 4096, length $in or POSIX::_exit(1);
    }

    syswrite $c, "HTTP/1.1 101 Switching Protocols\r\n"
        . "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    $in = '';

    while (sysread $c, $in, 4096, length $in) {
        while (length $in >= 38) {         # a mark of 32, masked
            my ($mask, $mark) = unpack 'x2 a4 a32', substr $in, 0, 38, '';
            my $frame = "\x81\x20" . ($mark ^ $mask x 8);

            next if ++$number % 5 == 0;

            if ($number % 7 == 0) {
                $held = $frame;
                next;
            }

            syswrite $c, $frame . $held;
            $held = '';
        }
    }

    POSIX::_exit(0);
}


$load->rooms(20, 2);

my $r = $load->run(@short, '--rooms', 2, '--rate', 40);
all_ok($r, 20, 'rate');
cmp_ok($r->{sent}, '>', 0, 'something was sent');
cmp_ok($r->{sent}, '<=', 40, 'and no more than the rate allows');
is($r->{expected}, $r->{sent} * 10, 'each to a room of ten');
cmp_ok($r->{latency_us}{p50}, '<=', $r->{latency_us}{p99}, 'latencies');
is($r->{server}{processes}, 3, 'the master and its workers');
cmp_ok($r->{server}{rss_joined}, '>', 1 << 20, 'their memory');

$r = $load->run(@short, '--rooms', 2, '--publishers', 20, '--window', 2,
                '--processes', 3);
all_ok($r, 20, 'everybody speaks, three processes');
is($r->{expected}, $r->{sent} * 10, 'each to a room of ten');
cmp_ok($r->{sent}, '>=', 40, 'the windows were filled');

$r = $load->run(@short, '--echo', '--window', 8, '--message', '{mark}');
all_ok($r, 20, 'echo');
is($r->{expected}, $r->{sent}, 'each to its sender');

$r = $load->run(@short, '--idle', '--kind', 'property', '--rooms', 4);
all_ok($r, 20, 'idle');
is($r->{sent}, 0, 'nothing is said');


# over TLS, and compressed

{
    my $secure = Load->new($program, tls => 1,
                           location => 'rtprop_compression on threshold=64;');
    $secure->rooms(20, 2);

    $r = $secure->run(@short, '--rooms', 2, '--rate', 40);
    all_ok($r, 20, 'TLS');
    cmp_ok($r->{received}, '>', 0, 'something came over TLS');

    $r = $secure->run(@short, '--rooms', 2, '--rate', 40, '--deflate',
                      '--pad', 1000);
    all_ok($r, 20, 'TLS, compressed');
    cmp_ok($r->{bytes} / $r->{received}, '<', 1000, 'fewer bytes than said');

    my $port = $secure->nginx->tls_port;
    my $ca = $secure->nginx->prefix . '/cert.pem';
    my @args = (@short, '--welcome', '', '--idle', '--join', '');

    $said = join ' ', map { "'$_'" } @args;
    `$program --url wss://localhost:$port/echo $said --ca $ca 2>&1`;
    is($? >> 8, 0, 'a certificate that is trusted');

    my $json = `$program --url wss://localhost:$port/echo $said --json`;
    is($? >> 8, 1, 'one that is not');
    like($json, qr/"why":"TLS: self.signed certificate/, 'and why');

    $json = `$program --url wss://127.0.0.1:$port/echo $said --ca $ca --json`;
    like($json, qr/"why":"TLS: (?:IP address|hostname) mismatch/i,
         'nor one of another name');

    $secure->stop;
    is_deeply([grep { !/SSL_do_handshake|SSL_read/ }
               $secure->nginx->bad_lines], [], 'the log of that nginx');
}

$r = $load->run(@short, '--rooms', 2, '--deflate');
is($r->{status}, 1, 'compression that the server refuses');
like($r->{why}, qr/does not compress/, 'and why');


$r = $load->run(@short, '--rooms', 2, '--message',
                '{"type":"chat:nonsense","payload":{"text":"{mark}"}}');
is($r->{status}, 1, 'messages that the server refuses');
like($r->{why}, qr/^refused: .*"unknown_type"/, 'and why');
is($r->{refused}, $r->{sent}, 'how many');
is($r->{missing}, $r->{expected}, 'they are missing');
is($r->{skipped} + $r->{again}, 0, 'and nothing else');

{
    # what is refused too often is closed

    my $strict = Load->new($program, workers => 1,
                           location => 'rtprop_errors 3/1m;');

    $strict->rooms(20, 2);
    $r = $strict->run(@short, '--rooms', 2, '--rate', 100, '--message',
                      '{"type":"chat:nonsense","payload":{"text":"{mark}"}}');
    is($r->{closed}, 2, 'who is refused too often is lost');
    is($r->{lost_why}, 'closed with 4002', 'and why');
    like($r->{why}, qr/^refused: /, 'which is not the first fault');

    $strict->stop;
    is_deeply([$strict->nginx->bad_lines], [], 'the log of that nginx');
}


# a reload in the midst of it

{
    my $reloaded = Load->new($program, workers => 2, drain => '200ms');
    $reloaded->rooms(20, 2);
    $r = $reloaded->run_reloaded(20, @short, '--seconds', 2, '--rooms', 2,
                                 '--rate', 100, '--resume');
    all_ok($r, 20, 'reloaded');
    is($r->{back}, 20, 'all came back');
    cmp_ok($r->{sent}, '>', 0, 'and something was said');

    $reloaded->stop;
    is_deeply([$reloaded->nginx->bad_lines], [], 'the log of that nginx');
}


# bidders at one auction

$load->auction;
$r = $load->run(@short, '--kind', 'auction', '--rate', 200, '--raise', 4);
all_ok($r, 20, 'bids');
cmp_ok($r->{bids}{accepted}, '>', 0, 'bids: some are accepted');
cmp_ok($r->{bids}{refused}, '>', $r->{bids}{accepted}, 'bids: more are not');
is($r->{bids}{unjudged}, 0, 'bids: all are judged');
is_deeply([sort map { $_->{pid} } @{$r->{bids}{workers}}],
          [sort $load->nginx->workers], 'bids: by each worker');
cmp_ok($r->{bids}{spread_us}{p99}, '>', 0, 'bids: from first to last');

is(system("$program --url ws://127.0.0.1:1/ --kind auction --rooms 2"
          . ' 2>/dev/null') >> 8, 2, 'bids are made at one auction');

{
    my $cluster = Cluster->new($program, clients => 20, postgres => 1);

    $cluster->auction;
    $r = $cluster->run(@short, '--kind', 'auction', '--rate', 100, '--raise',
                       4, '--drain', 30);
    all_ok($r, 20, 'bids at two instances');
    is($r->{bids}{unjudged}, 0, 'bids at two instances: all are judged');
    is($cluster->postgres->sql('SELECT count(*) FROM rtprop.bid'), $r->{sent},
       'and each is in the database');
    is($r->{received} - $r->{sent}, 20 * $cluster->postgres->sql(
           'SELECT count(*) FROM rtprop.bid WHERE accepted'),
       'accepted ones were heard by all');
    $cluster->stop;
}


# two instances on a Redis that is killed

{
    my $cluster = Cluster->new($program, clients => 20);
    my @servers = $cluster->nginx;

    $cluster->rooms(20, 2);
    $r = $cluster->run(@short, '--rooms', 2, '--rate', 40);
    all_ok($r, 20, 'over two instances');
    is($r->{server}{processes}, 5, 'both with their workers, and Redis');
    cmp_ok($r->{last_us}{max}, '>', 0, 'the last receiver is waited for');
    cmp_ok($r->{last_us}{max}, '<=', $r->{latency_us}{max},
           'and is one of them');

    $r = $cluster->run_killed(20, 2);
    all_ok($r, 20, 'Redis was killed');
    is($r->{received}, 60, 'each has heard what was said before and after');
    cmp_ok($r->{back_s}, '>=', 0, 'and it was measured');

    $cluster->stop;
    is_deeply([grep { !/ is away: / } map { $_->bad_lines } @servers], [],
              'their logs');
}


# what fails is told

$r = $load->run(@short, '--rooms', 20, '--connect-timeout', 5);
is($r->{status}, 1, 'conversations that are not there: the status');
is($r->{failed}, 18, 'how many could not join');
like($r->{why}, qr/not_found/, 'and why');

$r = $load->run(@short, '--echo', '--message', '{mark} ~{mark}');
is($r->{status}, 1, 'a message that comes twice: the status');
is($r->{again}, $r->{sent}, 'each is counted again');
is($r->{received}, $r->{sent}, 'but not as received');

my ($port, $pid) = bad_server();
my $args = "@short --clients 1 --echo --welcome '' --message '{mark}'"
           . ' --rate 100 --drain 0.2';
my $json = `$program --url ws://127.0.0.1:$port/ --json $args`;

is($? >> 8, 1, 'a server that loses and swaps messages');
waitpid $pid, 0;
$r = JSON::PP::decode_json($json);
my ($lost, $late, $held) = (0, 0, 0);

for my $n (1 .. $r->{sent}) {
    if ($n % 5 == 0) {
        $lost++;

    } elsif ($n % 7 == 0) {
        $held = 1;

    } else {
        $late += $held;
        $held = 0;
    }
}

cmp_ok($late, '>', 0, 'some came late');
is($r->{missing}, $lost + $held, 'what is missing');
is($r->{skipped}, $late, 'what came after a later one');
is($r->{again}, 0, 'nothing came twice');
is($r->{received} + $r->{missing}, $r->{sent}, 'and it adds up');


`$program --url http://127.0.0.1/ 2>&1`;
is($? >> 8, 2, 'a wrong option');
like(`$program --url ws://no.such.host.invalid/ 2>&1`,
     qr/^rtprop-load: no\.such\.host\.invalid: [^\n]+\n\z/,
     'a host that is not there');
is($? >> 8, 2, 'the status');
like(`$program --help`, qr/^  --clients N/m, '--help');

$load->stop;
my @bad = $load->nginx->bad_lines;
ok(!@bad, 'the error log holds only what is expected')
    or diag(join "\n", @bad);

done_testing();
