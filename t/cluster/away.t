#!/usr/bin/perl

# Redis dies and comes back, with its data and without: connections stay,
# commands are refused meanwhile, nothing that history covers is lost.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Chat;
use RTProp::Redis;
use RTProp::Test;

my $redis = RTProp::Redis->new(keep => 1)->start;
# with a database behind it Redis may lose all: t/store/failover.t
my %opt = (redis => $redis, workers => 2, store => '');
my ($a, $b) = map { rtprop_nginx(%opt) } 1 .. 2;

$_->allow(qr/Redis|Connection refused|engine away|not published/) for $a, $b;

sub health { http(nginx => $_[0])->get('/health')->{json} }


# All workers of both are connected, and subscribed, again.

sub up {
    return !grep {
        my $nginx = $_;
        !$nginx->wait_until(sub {
            http(nginx => $nginx)->get('/metrics')->{body}
                =~ /^rtprop_redis_up 2$/m;
        }, 20);
    } $a, $b;
}

conversation('c1', qw(ann ben));
my $ann = client(nginx => $a, user => 'ann');
my $ben = client(nginx => $b, user => 'ben');
my $joined = joins($_, 'c1') for $ann, $ben;
my $said = says($ann, 'c1', 'before');
ok(gets($ben, 'before'), 'heard');


# ---- away

$redis->kill;
ok($a->wait_until(sub { health($a)->{status} eq 'degraded' }),
   'health says degraded');
isnt(health($a)->{engine}{status}, 'ok', 'and why');

my $began = time;
my $error = asks($ann, 'chat:send_message', { conversation_id => 'c1',
                                              content => 'lost' });
is($error->{payload}{code}, 'unavailable', 'what needs it is refused');
$error = asks($ben, 'chat:join', { conversation_id => 'c2' });
is($error->{payload}{code}, 'unavailable', 'whatever it is');
is(asks($ann, 'ping')->{type}, 'pong', 'the connection stays');

my $refused = client(nginx => $a, user => 'cat', welcome => 0);
is($refused->status, 503, 'new ones are refused');
like($refused->body_json->{message}, qr/cannot reach what it needs/,
     'for want of Redis, not of room');


# ---- back, with its data

$redis->start;
ok(up(), 'it is back');
is(health($_)->{status}, 'ok', 'all is well') for $a, $b;

my $next = says($ann, 'c1', 'after');
is($next->{offset}, $said->{offset} + 1, 'the channel goes on');
is(gets($ben, 'after')->{offset}, $next->{offset}, 'for all');
is(scalar @{api(GET => '/api/users/ann/connections')->{json}{connections}}, 1,
   'who was there is there');


# ---- what was published while one could not hear it is read again

$redis->call('CLIENT', 'KILL', 'TYPE', 'pubsub');
my $during = says($ann, 'c1', 'while it was deaf');
is(gets($ben, 'while it was deaf')->{offset}, $during->{offset},
   'nothing is lost with a connection');
ok(up(), 'which is made again');


# ---- away for a moment, somebody leaves meanwhile

my $eve = client(nginx => $b, user => 'eve');
$eve->send_json('property:view', 'p1');
ok($eve->wait_for('property:state'), 'a viewer');
my $dan = client(nginx => $a, user => 'dan');
$dan->send_json('property:view', 'p1');
ok($eve->wait_for('property:viewer_count', sub { $_[0]{payload}{count} == 2 }),
   'another');

$redis->kill;
ok($a->wait_until(sub { health($a)->{status} eq 'degraded' }), 'away');
$dan->close;
$redis->start;
ok(up(), 'back');
ok($eve->wait_for('property:viewer_count',
                  sub { $_[0]{payload}{count} == 1 }, 20),
   'who left meanwhile is counted no more');


# ---- back, without its data

my $idle = client(nginx => $b, user => 'idle');
my $vera = client(nginx => $a, user => 'vera');
my $will = client(nginx => $b, user => 'will');

for my $ws ($vera, $will) {
    $ws->send_json('property:view', 'p7');
    $ws->wait_for('property:state');
}

# more than one turn of a worker sees to

my @many = map { client(nginx => $a, user => "m$_") } 1 .. 150;
$_->send_json('property:subscribe', 'p7') for @many;
$_->wait_for('property:state') for @many;

api(POST => '/api/publish', { channel => $_, type => 'x:before' })
    for qw(property:p7 user:vera user:will);

for my $ws ($vera, $will) {
    $ws->wait_for('x:before') for 1, 2;
    $ws->clear;
}

my $epoch = $joined = asks($ann, 'chat:join', { conversation_id => 'c1' });
$redis->kill;
unlink glob($redis->dir . '/appendonlydir/*');
$redis->start;

ok(up(), 'back again');
is(($ann->wait_close)[0], 1013, 'whose conversation is gone comes back');
is(($ben->wait_close)[0], 1013, 'on the other side, too');

is(grep({ $_->wait_for('resumed') && $_->wait_for('property:state') } @many),
   150, 'so do many at once');
$_->drop for @many;

for my $ws ($vera, $will) {
    my $name = $ws == $vera ? 'vera' : 'will';
    my $user = "user:$name";
    my %told;

    while (keys %told < 2) {
        my $channels = $ws->wait_for('resumed')->{payload}{channels};
        %told = (%told, %$channels);
    }

    is_deeply([map { [@{$told{$_}}{qw(recovered missed offset)}] }
                   'property:p7', $user], [([false, undef, 0]) x 2],
              "$user stays, and is told what is lost");

    my $state = $ws->wait_for('property:state');
    is($state->{epoch}, $told{'property:p7'}{epoch}, 'with the state');

    api(POST => '/api/publish', { channel => $_, type => "x:$name" })
        for 'property:p7', $user;
    is_deeply([sort map { $ws->wait_for("x:$name")->{channel} } 1, 2],
              ['property:p7', $user], 'and hears what comes');
}

conversation('c1', qw(ann ben));
$ann = client(nginx => $a, user => 'ann');
my $resumed = asks($ann, 'resume', { channels => { 'conversation:c1' =>
    { epoch => $epoch->{epoch}, offset => $epoch->{offset} } } });
is_deeply([@{$resumed->{payload}{channels}{'conversation:c1'}}
             {qw(recovered missed)}], [false, undef], 'and is told');
ok((grep { $_->{type} eq 'chat:joined' } $ann->events), 'with a snapshot');
is(asks($idle, 'ping')->{type}, 'pong', 'who had heard nothing stays');

api(POST => '/api/publish', { channel => 'user:idle', type => 'notification',
                              payload => { n => 1 } });
is($idle->wait_for('notification')->{payload}{n}, 1, 'and hears what comes');
ok($b->wait_until(sub {
    @{api(GET => '/api/users/idle/connections')->{json}{connections}} == 1
}), 'its presence is told again');

done_testing();
