#!/usr/bin/perl

# The Redis client with a Redis that is away, or does not want it: what ends,
# what the status says, and that it comes back by itself.

use strict;
use warnings;

use lib 't/lib', 't/redis';
use RTProp::Redis;
use Talk;
use Test::More;

my $quick = 'timeout=500ms connect_timeout=500ms retry=100ms';
my @away = (qr/rtprop: Redis "\S+" is away: /);


# Waits until it is up, which it was not.

sub comes_up {
    my ($talk, $name) = @_;
    ok($talk->wait_note(qr/^up$/m), $name);
    ok($talk->wait_status(qr/^ok$/), 'status');
}

sub fails_at_once {
    my ($talk) = @_;
    my $res = $talk->command('SET', 'a', 1);
    is_deeply([@$res{qw(ok error sent)}], [0, 1, 0], 'a command ends at once');
}


# ------------------------------------------------------- kill -9, SIGSTOP

my $redis = RTProp::Redis->new->start;
my $talk = Talk->start($redis->url . " $quick");

comes_up($talk, 'connected');
$talk->subscribe('c', 300);
ok($talk->wait_note(qr/^subscribed c299$/m), 'subscribed');

$talk->forget;
$redis->kill;
ok($talk->wait_note(qr/^down connection closed by Redis$/m), 'kill -9');
ok($talk->wait_status(qr/^Connection refused$/), 'status');
like($talk->get('status'), qr/ready=0/, 'it is not ready');
fails_at_once($talk);
$talk->subscribe('d');
$talk->unsubscribe('c0');

$redis->start;
comes_up($talk, 'Redis is there again');
my @again = $talk->notes =~ /^subscribed (\w+)$/mg;
is(@again, 300, 'subscribed to what is wanted now');
is((grep { $_ eq 'd' } @again), 1, 'with what came meanwhile');
is((grep { $_ eq 'c0' } @again), 0, 'and not what went');
like($talk->notes, qr/subscribed.*^up$/ms, 'ahead of up');
is($talk->metric('rtprop_redis_up'), 1, 'the gauge');

$talk->forget;
my $begun = $talk->begin('PING');
is($talk->ended($begun)->{reply}, 'PONG', 'commands are taken');

$redis->pause;
$begun = $talk->begin('SET', 'a', 2);
my $res = $talk->ended($begun);
is_deeply([@$res{qw(ok error sent)}], [0, 1, 1],
          'SIGSTOP: a command ends, and may have been executed');
ok($talk->wait_note(qr/^down no reply in 500 ms$/m), 'it is down');
ok($talk->wait_status(qr/^connecting timed out$/), 'status');
fails_at_once($talk);
cmp_ok($talk->metric('rtprop_redis_timeouts_total'), '>=', 2, 'timeouts');

$redis->resume;
comes_up($talk, 'Redis goes on');

# a stop that only the subscriber could notice

$talk->forget;
$redis->pause;
ok($talk->wait_note(qr/^down no reply in 500 ms$/m),
   'an idle connection notices, too');
$redis->resume;
comes_up($talk, 'Redis goes on');

is_deeply([$talk->stop(@away)], [], 'nothing unexpected in the log');
my @told = $talk->nginx->log =~ /\[error\].*Connection refused/g;
is(@told, 1, 'each reason is told once');


# ------------------------------------------------------------- passwords

$redis = RTProp::Redis->new(password => 'right')->start;
my $host = '127.0.0.1:' . $redis->port;
my $acl = 'resetkeys ~rtprop:* resetchannels &rtprop:* -@all +@scripting '
          . '+set +get +subscribe +unsubscribe +publish';

my @logins = (
    ["redis://$host", 'password required', [qw(CONFIG SET requirepass), '']],
    ["redis://:wrong\@$host", 'wrong password',
     [qw(CONFIG SET requirepass wrong)]],
    ["redis://nobody:right\@$host", 'wrong password',
     [qw(ACL SETUSER nobody on >right ~* &* +@all)]],
    ["redis://few:right\@$host", 'wrong password',
     [qw(ACL SETUSER few on >right), split / /, $acl]],
);

for (@logins) {
    my ($url, $why, $cure) = @$_;

    $redis->call(qw(CONFIG SET requirepass right));
    $talk = Talk->start("$url $quick");
    ok($talk->wait_status(qr/^$why$/), "$url: $why");
    fails_at_once($talk);

    $redis->call(@$cure);
    comes_up($talk, 'cured');
    is($talk->command('SET', 'rtprop:a', 1)->{reply}, 'OK', 'it serves');

    is_deeply([$talk->stop(@away)], [], 'nothing unexpected in the log');
    unlike($talk->nginx->log, qr/:right|:wrong/, 'no password in the log');
}

# a user who may do little

$redis->call(qw(CONFIG SET requirepass right));
$talk = Talk->start("redis://few:right\@$host $quick");
comes_up($talk, 'a user with few rights');
$talk->subscribe('rtprop:c');
ok($talk->wait_note(qr/^subscribed rtprop:c$/m), 'who may subscribe');

$res = $talk->command('SET', 'other', 1);
is($res->{error}, 1, 'a key that it may not write');
is($talk->status, 'user lacks a permission', 'status');

$talk->forget;
$talk->subscribe('other');
ok($talk->wait_note(qr/^down user lacks a permission$/m),
   'a channel that it may not hear');
$redis->call(qw(ACL SETUSER few &other));
comes_up($talk, 'once it may');

is_deeply([$talk->stop(@away, qr/refuses commands: user lacks/)], [],
          'nothing unexpected in the log');

# the password is changed under a living connection

$redis->call(qw(ACL SETUSER nobody on >right ~* &* +@all));
$talk = Talk->start("redis://nobody:right\@$host $quick");
comes_up($talk, 'connected');
$talk->forget;
$redis->call(qw(ACL DELUSER nobody));
ok($talk->wait_note(qr/^down /m), 'a user that is deleted is thrown out');
ok($talk->wait_status(qr/^wrong password$/), 'status');
is_deeply([$talk->stop(@away)], [], 'nothing unexpected in the log');


# ------------------------------------------------- a Redis that cannot serve

my $master = RTProp::Redis->new->start;
my $replica = RTProp::Redis->new(replica_of => $master)->start;

$talk = Talk->start($replica->url . " $quick");
ok($talk->wait_status(qr/^read-only replica$/), 'a replica');
fails_at_once($talk);
$replica->call(qw(REPLICAOF NO ONE));
comes_up($talk, 'which becomes a master');

# and a replica again: its connections stay, writes are refused

$talk->forget;
$replica->call(qw(REPLICAOF 127.0.0.1), $master->port);
ok($talk->wait_for(sub { $talk->command('SET', 'a', 1)->{error} }),
   'a master that becomes a replica');
ok($talk->wait_status(qr/^read-only replica$/), 'status');
ok($talk->wait_note(qr/^down read-only replica$/m), 'it is down');
$replica->call(qw(REPLICAOF NO ONE));
comes_up($talk, 'and a master again');

# memory

$replica->call(qw(CONFIG SET maxmemory-policy noeviction));
$replica->call(qw(CONFIG SET maxmemory 1));
$res = $talk->command('SET', 'a', 1);
is_deeply([@$res{qw(ok busy error)}], [0, 1, 0], 'out of memory');
like($res->{reply}, qr/^-OOM /, 'its reply');
$res = $talk->script('count', 'a', 1);
is($res->{busy}, 1, 'a script, too');
is($talk->status, 'out of memory', 'status');
is($talk->command('GET', 'a')->{ok}, 1, 'reading goes on');
is($talk->metric('rtprop_redis_oom_total'), 2, 'counted');
$replica->call(qw(CONFIG SET maxmemory 0));
is($talk->command('SET', 'a', 1)->{ok}, 1, 'until there is memory');

# too few replicas

$replica->call(qw(CONFIG SET min-replicas-to-write 3));
is($talk->command('SET', 'a', 1)->{error}, 1, 'too few replicas');
is($talk->status, 'not enough replicas', 'status');
$replica->call(qw(CONFIG SET min-replicas-to-write 0));

# a subscriber that is too slow is thrown out by Redis

$talk->subscribe('c');
ok($talk->wait_note(qr/^subscribed c$/m), 'subscribed');
$talk->forget;
$replica->call(qw(CONFIG SET client-output-buffer-limit), 'pubsub 64kb 0 0');
my ($worker) = $talk->nginx->workers;
kill STOP => $worker;
$replica->call(PUBLISH => 'c', 'x' x 1_000_000) for 1 .. 20;
kill CONT => $worker;
ok($talk->wait_note(qr/^down connection closed by Redis$/m),
   'a slow subscriber is thrown out');
comes_up($talk, 'and comes back');

# a script without end

$replica->call(qw(CONFIG SET busy-reply-threshold 50));
$talk->forget;
$begun = $talk->client;
$begun->request('GET', '/status');
syswrite $begun->{socket},
         "GET /script?name=loop HTTP/1.1\r\nHost: h\r\n\r\n";
ok($talk->wait_note(qr/^down /m), 'a script without end');
ok($talk->wait_status(qr/^busy with a script$/), 'status');
$replica->wait_until(sub {
    my $answer = eval { $replica->connect->call(qw(SCRIPT KILL)) };
    return defined $answer && !ref $answer;
});
comes_up($talk, 'once it is killed');

# no room for another client

$talk->forget;
$replica->call(qw(CONFIG SET maxclients 1));
$replica->call(qw(CLIENT KILL TYPE normal SKIPME yes));
$replica->call(qw(CLIENT KILL TYPE pubsub));
ok($talk->wait_status(qr/^too many clients$/), 'too many clients');
$replica->call(qw(CONFIG SET maxclients 100));
comes_up($talk, 'and then not');

is_deeply([$talk->stop(@away, qr/refuses commands: /)], [],
          'nothing unexpected in the log');
$master->stop;
$replica->stop;


# ----------------------------------------------------------- loading its data

$redis = RTProp::Redis->new(keep => 1)->start;
$redis->call('EVAL',
             'for i = 1, 8000 do redis.call("SET", "k" .. i, i) end', 0);
$talk = Talk->start($redis->url . " $quick");
comes_up($talk, 'connected');
$talk->forget;

$redis->kill;

# it looks at its connections after each 1,024 commands

$redis->{conf} = 'key-load-delay 300';
$redis->start;
ok($talk->wait_status(qr/^loading its data$/), 'loading its data');
fails_at_once($talk);
ok($talk->wait_note(qr/^up$/m, 90), 'until it is loaded');
is($talk->command('GET', 'k8000')->{reply}, 8000, 'its data are there');

is_deeply([$talk->stop(@away)], [], 'nothing unexpected in the log');

done_testing();
