#!/usr/bin/perl

# The Redis client with a Redis that serves: commands, scripts, subscriptions,
# addresses, bounds.

use strict;
use warnings;

use lib 't/lib', 't/redis';
use RTProp::Redis;
use Talk;
use Test::More;

my $redis = RTProp::Redis->new(conf => 'databases 32')->start;
my $talk = Talk->start($redis->url . '/3 prefix=p: queue=2000');

ok($talk->wait_note(qr/^up$/m), 'connected');
is($talk->status, 'ok', 'status');
like($talk->get('status'), qr/ready=1 sharded=0 prefix=p: /, 'what it says');


# commands

my $res = $talk->command('SET', 'p:a', "b\r\n\0\xff");
is_deeply([@$res{qw(ok busy error sent reply)}], [1, 0, 0, 1, 'OK'], 'SET');
is($talk->command('GET', 'p:a')->{reply}, "b\r\n\0\xff", 'any octets');
is($talk->command('GET', 'p:none')->{reply}, 'nil', 'nil');
is($talk->command('INCRBY', 'p:n', 7)->{reply}, 7, 'an integer');
is($talk->command('MGET', 'p:n', 'p:m')->{reply}, 'array of 2', 'an array');

$res = $talk->command('INCR', 'p:a');
is($res->{ok}, 1, 'an error of the command is a reply');
like($res->{reply}, qr/^-ERR value is not an integer/, 'its text');

$redis->call(SELECT => 3);
is($redis->call(GET => 'p:n'), 7, 'the database of the address');

my $big = 'x' x 60000;
is($talk->command('SET', 'p:big', $big)->{reply}, 'OK', 'a long argument');
is($talk->command('GET', 'p:big')->{reply}, $big, 'and a long reply');

$res = $talk->command({ n => 2000 }, 'INCR', 'p:burst');
is($res->{ok}, 2000, '2,000 commands in one turn');
is($res->{reply}, 2000, 'in order');

$res = $talk->command({ n => 3000 }, 'INCR', 'p:burst');
is_deeply([@$res{qw(ok busy error)}], [2000, 1000, 0],
          'what the queue does not hold is refused');
is($talk->metric('rtprop_redis_refused_total'), 1000, 'and counted');
is($talk->metric('rtprop_redis_commands_waiting'), 0, 'nothing waits');


# scripts

is($talk->script('count', 'p:k', 'v')->{reply}, 1, 'a script is loaded');
is($talk->script('count', 'p:k', 'v')->{reply}, 2, 'and known');
is($talk->metric('rtprop_redis_scripts_total'), 1, 'its text was sent once');

$redis->call('SCRIPT', 'FLUSH');
$res = $talk->script({ name => 'count', n => 50 }, 'p:k', 'v');
is($res->{ok}, 50, 'a Redis that forgot it gets it again');
is($talk->script('count', 'p:k', 'v')->{reply}, 53, 'each was run once');

is($talk->script('keys', 'p:1', 'a', 'b')->{reply}, 'p:1;a,b', 'a key');
is($talk->script({ name => 'keys', keys => 1 }, 'p:1', 'p:2', 'b')->{reply},
   'p:1,p:2;b', 'two keys');
is($talk->script('keys', '', 'a', 'b')->{reply}, ';a,b', 'no key');


# subscriptions

$talk->subscribe('p:c1');
ok($talk->wait_note(qr/^subscribed p:c1$/m), 'subscribed');
is($redis->call(PUBLISH => 'p:c1', 'hello'), 1, 'a message is published');
ok($talk->wait_note(qr/^message p:c1 hello$/m), 'and comes');

$redis->call(PUBLISH => 'p:c1', 'off');
ok($talk->wait_for(sub { $redis->call(PUBLISH => 'p:c1', 'late') == 0 }),
   'unsubscribed within the call');
unlike($talk->notes, qr/message p:c1 late/, 'nothing comes afterwards');

$talk->subscribe('p:c1');
$talk->unsubscribe('p:c1');
$talk->forget;
$talk->subscribe('p:c1');
ok($talk->wait_note(qr/^subscribed p:c1$/m), 'off and on again');
$redis->call(PUBLISH => 'p:c1', 'again');
ok($talk->wait_note(qr/^message p:c1 again$/m), 'a message comes');
my @confirmed = $talk->notes =~ /^subscribed p:c1$/mg;
is(@confirmed, 1, 'only the last one is confirmed');

$talk->subscribe('p:many', 5000);
ok($talk->wait_note(qr/^subscribed p:many4999$/m), '5,000 channels');
@confirmed = $talk->notes =~ /^subscribed p:many\d+$/mg;
is(@confirmed, 5000, 'each is confirmed once');
is($talk->metric('rtprop_redis_subscriptions'), 5001, 'the gauge');

$talk->forget;
my ($client) = $redis->call('CLIENT', 'LIST', 'TYPE', 'pubsub') =~ /^id=(\d+)/;
$redis->call('CLIENT', 'KILL', 'ID', $client);
ok($talk->wait_note(qr/^down connection closed by Redis$/m),
   'the subscriber was lost');
ok($talk->wait_note(qr/^up$/m), 'and is back');
@confirmed = $talk->notes =~ /^subscribed p:many\d+$/mg;
is(@confirmed, 5000, 'all channels before that');

$redis->call(PUBLISH => 'p:many77', 'still');
ok($talk->wait_note(qr/^message p:many77 still$/m), 'a message comes');

$talk->unsubscribe('p:many', 5000);
ok($talk->wait_for(sub { @{$redis->call('PUBSUB', 'CHANNELS')} == 1 }),
   'all are unsubscribed');


# idle connections are tried, and live

my $pings = sub { ($redis->info('cmdstat_ping') // '') =~ /calls=(\d+)/; $1 };
my $lost = $talk->metric('rtprop_redis_lost_total');
is($lost, 1, 'one connection was lost so far');

is_deeply([$talk->stop(qr/is away: connection closed by Redis/)], [],
          'nothing unexpected in the log');


# a unix socket, a password file, a name of the machine

$redis->call('CONFIG', 'SET', 'requirepass', 'b@d:pass/ %');

for (['unix:' . $redis->socket . ' db=5', 'a unix socket'],
     ['redis://localhost:' . $redis->port . '/5', 'localhost'])
{
    my ($url, $name) = @$_;
    $talk = Talk->start("$url password_file=redis.password timeout=200ms",
        files => { 'redis.password' => "b\@d:pass/ %\n" });

    ok($talk->wait_note(qr/^up$/m), "$name: connected");
    is($talk->command('SET', 'p:socket', 1)->{reply}, 'OK', "$name: SET");

    my $before = $pings->();
    ok($talk->wait_for(sub { $pings->() >= $before + 4 }),
       "$name: idle connections are tried");
    is($talk->metric('rtprop_redis_lost_total'), 0, "$name: and live");

    is_deeply([$talk->stop], [], "$name: nothing unexpected in the log");
}

$talk = Talk->start('redis://:b%40d%3apass%2F%20%25@127.0.0.1:'
                    . $redis->port);
ok($talk->wait_note(qr/^up$/m), 'a password in the address');
unlike($talk->nginx->log, qr/pass/, 'which no log shows');
is_deeply([$talk->stop], [], 'nothing unexpected in the log');


# commands given before the first connect wait for it; at exit they end

$redis->pause;
$talk = Talk->start('redis://127.0.0.1:' . $redis->port
                    . ' connect_timeout=60s password_file=redis.password',
                    files => { 'redis.password' => 'b@d:pass/ %' });
my $begun = $talk->begin('PING');
is($talk->status, 'connecting', 'not yet connected');
$redis->resume;
is($talk->ended($begun)->{reply}, 'PONG', 'what waited is done');

$redis->stop;
is_deeply([$talk->stop(qr/is away: /)], [], 'nothing unexpected in the log');

done_testing();
