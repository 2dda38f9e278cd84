#!/usr/bin/perl

# The Redis client with a real cluster of three masters: slots, redirections
# while slots move, sharded channels, a master that dies.

use strict;
use warnings;

use lib 't/lib', 't/redis';
use RTProp::Redis;
use Talk;
use Test::More;

my $quick = 'timeout=1s connect_timeout=1s retry=100ms';
my ($masters, $replicas) = RTProp::Redis->cluster(3, 1,
    password => 'secret');
my @hosts = map { '127.0.0.1:' . $_->port } @$masters;
my $nobody = '127.0.0.1:' . RTProp::Nginx::free_port();


# what is none, or no way in

for (["cluster://$nobody", qr/^Connection refused$/],
     ["cluster://$hosts[0]", qr/^password required$/],
     ["cluster://:no\@$hosts[0]", qr/^wrong password$/])
{
    my ($url, $status) = @$_;
    my $talk = Talk->start("$url $quick");

    ok($talk->wait_status($status), "$url: status") or diag($talk->status);
    is($talk->command({ key => 'a' }, 'GET', 'a')->{error}, 1,
       'commands are refused');
    is_deeply([$talk->stop(qr/no node of the Redis cluster answers/)], [],
              'nothing else in the log');
}

{
    my $plain = RTProp::Redis->new->start;
    my $talk = Talk->start('cluster://127.0.0.1:' . $plain->port . " $quick");

    ok($talk->wait_status(qr/^CLUSTER SLOTS is refused: ERR .*disabled/),
       'a Redis that is no cluster') or diag($talk->status);
    is_deeply([$talk->stop(qr/no node of the Redis cluster answers/)], [],
              'nothing else in the log');

    $talk = Talk->start("redis://:secret\@$hosts[0] $quick");
    ok($talk->wait_note(qr/^up$/m), 'a node of a cluster, as a single Redis');
    ok($talk->wait_for(sub {
        grep { $talk->command('SET', "k$_", 1)->{error} } 1 .. 20;
    }), 'refuses most keys');
    is($talk->status, 'slot is elsewhere', 'status');
    is_deeply([$talk->stop(qr/refuses commands: slot is elsewhere/)], [],
              'nothing else in the log');
}


# slots

my $talk = Talk->start("cluster://:secret\@$nobody,$hosts[1] $quick");
ok($talk->wait_note(qr/^up$/m), 'connected, past a node that is not there');
is($talk->status, 'ok', 'status');
like($talk->get('status'), qr/ready=1 sharded=1/, 'it is sharded');

sub owner {
    my ($slot) = @_;

    for my $range (@{$masters->[1]->call('CLUSTER', 'SLOTS')}) {
        my ($first, $last, $master) = @$range;
        next if $slot < $first || $slot > $last;
        return (grep { $_->port == $master->[1] } @$masters, @$replicas)[0];
    }

    return;
}

sub slot_of { $masters->[1]->call('CLUSTER', 'KEYSLOT', $_[0]) }
sub owner_of { owner(slot_of($_[0])) }

my @keys = map { "rtprop:{conversation:$_}:h" } 1 .. 60;
my %spread;

for my $key (@keys) {
    is($talk->command({ key => $key }, 'SET', $key, $key)->{reply}, 'OK',
       "SET $key");
    my $owner = owner_of($key);
    $spread{$owner->port}++;
    $owner->call(GET => $key) eq $key or fail("$key is at its owner");
}

is(keys %spread, 3, 'keys are spread over all masters');
is($talk->metric('rtprop_redis_redirects_total'), 0, 'no redirection');
is($talk->script('count', $keys[$_], 'v')->{reply}, 1, 'a script')
    for 0 .. 5;
is($talk->command('PING')->{reply}, 'PONG', 'a command without a key');


# sharded channels

sub publish {
    my ($ch, $text) = @_;
    my $res = $talk->script({ name => 'publish' }, $ch, 'SPUBLISH', $text);
    return $res->{reply};
}

my @channels = map { "rtprop:{property:$_}" } 1 .. 40;
$talk->subscribe($_) for @channels;
ok($talk->wait_note(qr/^subscribed \Q$_\E$/m), "subscribed $_")
    for @channels[0, 20, 39];
$talk->wait_for(sub {
    my @all = $talk->notes =~ /^subscribed /mg;
    return @all == @channels;
});
is((grep { publish($_, 'hello') eq '1' } @channels), 40,
   'each message has one receiver');
ok($talk->wait_note(qr/^message \Q$channels[39]\E hello$/m), 'and comes');
$talk->wait_for(sub {
    my @all = $talk->notes =~ /^message \S+ hello$/mg;
    return @all == @channels;
});
my @heard = $talk->notes =~ /^message \S+ hello$/mg;
is(@heard, 40, 'all of them');

$talk->unsubscribe($channels[39]);
ok($talk->wait_for(sub { publish($channels[39], 'x') eq '0' }), 'unsubscribed');
pop @channels;


# ASK: a slot on its way; MOVED: it has arrived

my $key = $keys[0];
my $tag = 'conversation:1';
my $ch = "rtprop:{$tag}:c";
my $slot = slot_of($key);
my $from = owner($slot);
my ($to) = grep { $_ != $from } @$masters;

$talk->subscribe($ch);
ok($talk->wait_note(qr/^subscribed \Q$ch\E$/m), 'a channel of that slot');

$to->call('CLUSTER', 'SETSLOT', $slot, 'IMPORTING',
          $from->call('CLUSTER', 'MYID'));
$from->call('CLUSTER', 'SETSLOT', $slot, 'MIGRATING',
            $to->call('CLUSTER', 'MYID'));
is($from->call('MIGRATE', '127.0.0.1', $to->port, '', 0, 5000, 'AUTH',
               'secret', 'KEYS', $key, "$key:n"), 'OK', 'its keys migrate');

is($talk->command({ key => $key }, 'GET', $key)->{reply}, 'v',
   'ASK is followed');
is($talk->command({ key => $key, n => 20 }, 'GET', $key)->{ok}, 20,
   'by many at once');
is($talk->script('count', $key, 'w')->{reply}, 2, 'by a script');
my $asked = $talk->metric('rtprop_redis_redirects_total');
cmp_ok($asked, '>=', 22, 'redirections are counted');

# a key that stayed, one that went: TRYAGAIN until both are there

$from->call(SET => "rtprop:{$tag}:stays", 1);
my $begun = $talk->client;
$begun->request('GET', '/status');
syswrite $begun->{socket}, 'GET /command?'
    . join('&', map { Talk::escape($_->[0]) . '=' . Talk::escape($_->[1]) }
           [key => $key], [a0 => 'MGET'], [a1 => $key],
           [a2 => "rtprop:{$tag}:stays"])
    . " HTTP/1.1\r\nHost: h\r\n\r\n";
ok($talk->wait_for(sub {
    $talk->metric('rtprop_redis_redirects_total') > $asked;
}), 'a command over both places is tried again');

$talk->forget;
$from->call('MIGRATE', '127.0.0.1', $to->port, '', 0, 5000, 'AUTH', 'secret',
            'KEYS', "rtprop:{$tag}:stays");
for my $node ($to, $from, grep { $_ != $from && $_ != $to } @$masters) {
    $node->call('CLUSTER', 'SETSLOT', $slot, 'NODE',
                $to->call('CLUSTER', 'MYID'));
}

is($talk->ended($begun->{socket})->{reply}, 'array of 2', 'and done');
is($talk->command({ key => $key }, 'GET', $key)->{reply}, 'w',
   'the slot has moved');
ok($talk->wait_for(sub { $talk->notes =~ /^subscribed \Q$ch\E$/m }),
   'its channel is subscribed where the slot is');
ok($talk->wait_note(qr/^down .*^up$/ms), 'what was missed can be re-read');
is(publish($ch, 'moved'), 1, 'a message has its receiver');
ok($talk->wait_note(qr/^message \Q$ch\E moved$/m), 'and comes');
my $before = $talk->metric('rtprop_redis_redirects_total');
is($talk->command({ key => $key }, 'GET', $key)->{reply}, 'w', 'again');
is($talk->metric('rtprop_redis_redirects_total'), $before,
   'the way is known now');


# a master dies, its replica takes over

my $dead = $masters->[0];
my ($lost) = grep { owner_of($_) == $dead } @keys[1 .. $#keys];
my ($kept) = grep { owner_of($_) != $dead } @keys[1 .. $#keys];
my ($lost_ch) = grep { owner_of($_) == $dead } @channels;

$talk->forget;
$dead->kill;
ok($talk->wait_note(qr/^down /m), 'a master is killed');
is($talk->command({ key => $lost }, 'GET', $lost)->{error}, 1,
   'its keys are away');
is($talk->command({ key => $kept }, 'GET', $kept)->{ok}, 1,
   'others are served');
ok($talk->wait_note(qr/^up$/m, 60), 'its replica takes over');
is($talk->status, 'ok', 'status');
is($talk->command({ key => $lost }, 'SET', $lost, 'new')->{reply}, 'OK',
   'its keys are back');
is($replicas->[0]->call(GET => $lost), 'new', 'at the replica');
is(publish($lost_ch, 'late'), 1, 'a channel of its slots has its receiver');
ok($talk->wait_note(qr/^message \Q$lost_ch\E late$/m), 'its message comes');

$dead->start;
ok($dead->wait_until(sub { ($dead->info('role') // '') eq 'slave' }, 60),
   'the old master is a replica now');
is($talk->command({ key => $lost }, 'GET', $lost)->{reply}, 'new', 'all well');

# the replica gives its slots back

$talk->forget;
ok($dead->wait_until(sub { $dead->info('master_link_status') eq 'up' }, 60),
   'it follows');

# an attempt ends by itself after five seconds

for (1 .. 10) {
    $dead->call('CLUSTER', 'FAILOVER');
    last if $dead->wait_until(sub { $dead->info('role') eq 'master' }, 6);
}

is($dead->info('role'), 'master', 'and takes over again');
ok($talk->wait_for(sub {
    my $res = $talk->command({ key => $lost }, 'SET', $lost, 'back');
    return $res->{ok};
}, 60), 'its keys are served');
is($dead->call(GET => $lost), 'back', 'by the old master');
ok($talk->wait_for(sub { publish($lost_ch, 'home') eq '1' }, 60),
   'its channels, too');
ok($talk->wait_note(qr/^message \Q$lost_ch\E home$/m), 'a message comes');
ok($talk->wait_status(qr/^ok$/), 'status');

is_deeply([$talk->stop(qr/is away: /, qr/refuses commands: /)], [],
          'nothing unexpected in the log');

done_testing();
