#!/usr/bin/perl

# Names of "rtprop_redis": asked of nginx's resolver with each connection.

use strict;
use warnings;

use lib 't/lib', 't/redis';
use RTProp::Names;
use RTProp::Redis;
use Talk;
use Test::More;

my $names = RTProp::Names->new;
my $resolver = $names->resolver;
my $quick = 'timeout=500ms connect_timeout=500ms retry=100ms';
my $redis = RTProp::Redis->new->start;
my $port = $redis->port;

$names->set('redis.test' => 'none');
my $talk = Talk->start("redis://redis.test:$port $quick",
                       http_conf => $resolver);

ok($talk->wait_status(qr/^its name was not found$/), 'a name that is unknown');
is($talk->command('PING')->{error}, 1, 'commands are refused');

$names->set('redis.test' => 'silent');
ok($talk->wait_status(qr/^(?:connecting timed out|its name was not found)$/),
   'a name server that is silent');

$names->set('redis.test' => '127.0.0.1');
ok($talk->wait_note(qr/^up$/m), 'a name that is known');
is($talk->command('PING')->{reply}, 'PONG', 'it serves');

# the next connection goes where the name then is: several are tried in turn

$talk->forget;
$redis->kill;
$names->set('redis.test' => '127.0.0.2 127.0.0.1');
ok($talk->wait_note(qr/^down /m), 'Redis dies');
$redis->start;
ok($talk->wait_note(qr/^up$/m), 'one of two addresses is right');

# a worker that ends while it asks

$names->set('redis.test' => 'silent');
$talk->forget;
$redis->kill;
ok($talk->wait_note(qr/^down /m), 'Redis dies');
is_deeply([$talk->stop(qr/is away: /, qr/could not be resolved/)], [],
          'nothing unexpected in the log');


# one that quits does not wait for the answer

$talk = Talk->start("redis://redis.test:$port connect_timeout=1m",
                    http_conf => $resolver);
like($talk->status, qr/^connecting$/, 'a name that nobody tells');
ok($talk->nginx->stop('QUIT'), 'nobody waits for it at the end');
is_deeply([$talk->nginx->bad_lines], [], 'nothing unexpected in the log');


# "localhost" needs none; without one a name is looked up at once

$redis->start;
$talk = Talk->start("redis://localhost:$port $quick", http_conf => $resolver);
ok($talk->wait_note(qr/^up$/m), 'localhost');
is_deeply([$talk->stop], [], 'nothing unexpected in the log');

my ($accepted, $said) = eval {
    RTProp::Nginx->new(workers => 1, full => Talk::conf({
        url => "redis://no.such.name.invalid:$port" }))->test_config;
};
ok(!$accepted, 'a name that is not found, without a resolver');
like($said, qr/host not found in "rtprop_redis" of "no\.such\.name\.invalid:/,
     'what nginx -t says');

($accepted, $said) = RTProp::Nginx->new(workers => 1, full => Talk::conf({
    url => "redis://no.such.name.invalid:$port",
    http_conf => $resolver }))->test_config;
ok($accepted, 'with one it may come later') or diag($said);

done_testing();
