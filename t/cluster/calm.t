#!/usr/bin/perl

# Redis is away for longer than leases last: who was there is there when it is
# back, and nobody is told of as gone; who has died meanwhile is.

use strict;
use warnings;

use Time::HiRes qw(time);

use lib 't/lib';
use RTProp::Chat;
use RTProp::Redis;
use RTProp::Test;

use constant LEASE => 3;

my $redis = RTProp::Redis->new(keep => 1)->start;
my ($a, $b, $c) = map { rtprop_nginx(redis => $redis, workers => 2,
    allow => [qr/Redis "\S+" is away/],
    http => "rtprop_zone rtprop 16m;\nrtprop_engine redis;\nrtprop_redis unix:"
            . $redis->socket . " timeout=500ms;\n"
            . 'rtprop_presence_lease ' . LEASE . "s;\n",
    location => 'rtprop_rate message off;') } 1 .. 3;

conversation('c1', map { "u$_" } 1 .. 12);

my @people;
my $n = 0;

for my $nginx ($a, $b, $c) {
    for (1 .. 4) {
        push @people, client(nginx => $nginx, user => 'u' . ++$n);
        joins($people[-1], 'c1');
        $people[-1]->send_json('property:view', 'p1');
    }
}

sub counted {
    my ($ws, $users) = @_;
    return $ws->wait_for('property:viewer_count', sub {
        ($_[0]{payload}{count} // 0) == $users
    }, 20);
}

sub leavers {
    return scalar grep { $_->{type} =~ /^chat:user_left|presence:user_offline/ }
           map { $_->events } @_;
}

ok(counted($_, 12), 'all are seen') for @people[0, 4, 8];
$_->fence, $_->clear for @people;

sub away {
    my ($meanwhile) = @_;
    my $since = time;

    $redis->kill;
    $meanwhile->() if $meanwhile;
    $a->wait_until(sub { time > $since + LEASE + 2 });
    $redis->start;
}

sub healthy {
    for my $nginx (@_) {
        $nginx->wait_until(sub {
            http(nginx => $nginx)->get('/health')->{json}{status} eq 'ok'
        }, 30);
    }
}

# Health speaks for one worker, and others may need a moment more.

sub says_at_last {
    my ($ws, $text) = @_;

    return $a->wait_until(sub {
        asks($ws, 'chat:send_message', { conversation_id => 'c1',
             content => $text })->{type} ne 'error'
    });
}

for my $round (1 .. 3) {
    away();
    healthy($a, $b, $c);
    ok(says_at_last($people[0], "round $round"), 'it goes on');
    ok(gets($_, "round $round"), 'for all') for @people[4, 8];
    my $said = time;
    $a->wait_until(sub { time > $said + 2 });
    $_->fence for @people;
    is(leavers(@people), 0, 'nobody left');
    $_->clear for @people;
}

# somebody dies meanwhile

away(sub { $c->stop('KILL') });
healthy($a, $b);
ok(counted($_, 8), 'who died is counted no more') for @people[0, 4];
ok(says_at_last($people[0], 'last'), 'it goes on');
ok(gets($people[4], 'last'), 'for all who live');
$_->fence for @people[0 .. 7];
my %left = map { $_->{payload}{user_id} => 1 }
           grep { $_->{type} eq 'chat:user_left' }
           map { $_->events } @people[0 .. 7];
is(join(' ', sort keys %left), 'u10 u11 u12 u9', 'only the dead have left');

done_testing();
