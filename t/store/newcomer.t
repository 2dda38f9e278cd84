#!/usr/bin/perl

# Who opens a connection while the place of his own channel is not to be had
# (the database hangs, or Redis and then the database, too, are away) is let in
# without waiting for it; he is told of it as soon as it is known, hears what is
# said to him, and what he had missed before is still to be had.

use strict;
use warnings;

use Time::HiRes qw(time);

use lib 't/lib';
use RTProp::Chat;
use RTProp::Postgres;
use RTProp::Redis;
use RTProp::Test;

my $pg = RTProp::Postgres->new;
$pg->start;
$pg->migrate;

my $redis = RTProp::Redis->new(keep => 1)->start;

my @nginx = map {
    rtprop_nginx(workers => 1,
        allow => [qr/Redis|PostgreSQL|engine away|was not written/],
        prefix => "rtprop_engine redis;\n"
                  . 'rtprop_redis ' . $redis->url
                  . " timeout=500ms retry=100ms;\n"
                  . "rtprop_redis_failover 200ms;\n"
                  . 'rtprop_postgres "' . $pg->conninfo
                  . "\" timeout=10s grace=1s;\n");
} 0, 1;

sub health {
    my ($nginx) = @_;
    return http(nginx => $nginx)->get('/health')->{json};
}

sub is_well {
    my ($nginx, $well) = @_;
    return $nginx->wait_until(sub {
        $well == (health($nginx)->{status} eq 'ok')
    }, 30);
}

sub notifies {
    my ($user, $n) = @_;
    return api(POST => '/api/publish',
               { channel => "user:$user", type => 'note',
                 payload => { n => $n } })->{json};
}

sub heard {
    my ($ws, $n) = @_;
    my $event = $ws->wait_for('note', sub { $_[0]{payload}{n} eq $n }, 10);
    return $event ? $event->{offset} : 'nothing';
}

sub place {
    my ($ws, $user) = @_;
    return $ws->{welcome}{payload}{channels}{"user:$user"};
}

sub resumed {
    my ($ws, $user, $place) = @_;
    my $answer = asks($ws, 'resume', { channels => { "user:$user" => $place }});
    return $answer->{payload}{channels}{"user:$user"};
}

# Told by itself.

sub told {
    my ($ws, $user) = @_;
    my $event = $ws->wait_for('resumed', sub { !defined $_[0]{id} }, 20);
    return $event && $event->{payload}{channels}{"user:$user"};
}

ok(is_well($_, 1), 'it stands') for @nginx;

# bob was here, and missed two

my $bob = client(nginx => $nginx[0], user => 'bob');
my $known = place($bob, 'bob');
notifies('bob', 'one');
is(heard($bob, 'one'), 1, 'bob hears one');
$bob->drop;
notifies('bob', $_) for qw(two three);

# as Redis does when nobody has been there for long

$redis->call('DEL', @{$redis->call('KEYS', '*{user:bob}*')});

for my $away ('hangs', 'away') {
    note $away;

    if ($away eq 'away') {
        $redis->kill;
        ok($_->wait_until(sub { health($nginx[0])->{engine}{status}
                                    =~ /exchange by database/ }),
           'Redis is away for long') for @nginx;
        $pg->kill;
        ok($nginx[0]->wait_until(sub { health($nginx[0])->{store}{status}
                                           ne 'ok' }),
           'and so is the database');
        ok($nginx[0]->wait_until(sub { health($nginx[0])->{engine}{status}
                                           !~ /exchange by database/ }),
           'by which nothing is exchanged then');

    } else {
        $pg->pause;
    }

    my $since = time;
    my $ann = client(nginx => $nginx[0], user => "ann-$away", timeout => 20);
    my $bob = client(nginx => $nginx[0], user => 'bob', timeout => 20);
    cmp_ok(time - $since, '<', 8, 'they need not wait for it');

    my $place = place($ann, "ann-$away");
    like($place->{epoch}, qr/^[0-9a-f]{16}$/, 'there is a place');
    isnt(place($bob, 'bob')->{epoch}, $known->{epoch}, 'which nobody knows');
    is(resumed($bob, 'bob', { %$known, offset => 1 })->{code}, 'unavailable',
       'what was missed has to wait');

    if ($away eq 'away') {
        $_->start for $pg, $redis;

    } else {
        $pg->resume;
    }

    my $told = told($ann, "ann-$away");
    is($told->{epoch}, $known->{epoch}, 'the place is told');
    is($told->{recovered}, false, 'nobody knows what there was before');
    is($told->{offset}, 0, 'and where it is');
    is(told($bob, 'bob')->{offset}, 3, 'to each his own');
    ok(is_well($_, 1), 'all is well') for @nginx;

    # the last one may have been said live, where it was not told before

    my $back = resumed($bob, 'bob', { %$known, offset => 1 });
    is($back->{recovered}, true, 'what was missed is there');
    is($back->{offset}, 3, 'up to its place');
    is(heard($bob, $_->[0]), $_->[1], "$_->[0]") for ['two', 2], ['three', 3];
    quiet_ok($bob, 'and each once');

    notifies("ann-$away", 'new');
    is(heard($ann, 'new'), 1, 'what comes is heard');
    $_->drop for $ann, $bob;

    $ann = client(nginx => $nginx[1], user => "ann-$away");
    is(resumed($ann, "ann-$away", { %$told, offset => 1 })->{recovered}, true,
       'it can be resumed from');
    is(resumed($ann, "ann-$away", $place)->{recovered}, false,
       'the other one cannot');
    $ann->drop;
}

done_testing();
