#!/usr/bin/perl

# Viewing and watching a property: state, number of viewers, leaving, over four
# workers.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Test;
use Time::HiRes qw(time);

rtprop_nginx(location => 'rtprop_user_connections 20; rtprop_rate other off;');

api(PUT => '/api/properties/p1', {
    title => 'Canal house', status => 'available', price => 45000000,
    agent_id => 'a1', rooms => 5, wishlist_today => 3,
});


# The newest count that a viewer has heard becomes this one.

sub counts {
    my ($ws, $n, $id) = @_;
    $id //= 'p1';

    my $event = $ws->wait_for('property:viewer_count', sub {
        my $p = $_[0]{payload};
        $p->{property_id} eq $id && $p->{count} == $n;
    });

    return $event && $event->{payload}{viewer_count} == $n
           && !exists $event->{offset};
}


# state

my $ann = client(user => 'ann');
$ann->send_json('property:view', { property_id => 'p1' }, 7);
my $state = $ann->wait_for('property:state');

is($state->{id}, 7, 'the answer has the id of the command');
is($state->{channel}, 'property:p1', 'its channel');
like($state->{epoch}, qr/^[0-9a-f]{16}$/, 'its epoch');
is($state->{offset}, 0, 'its offset');

my $p = $state->{payload};

is_deeply({ map { $_ => $p->{$_} } qw(property_id title status price rooms
                                      viewer_count wishlist_today
                                      viewings_this_week) },
          { property_id => 'p1', title => 'Canal house', rooms => 5,
            status => 'available', price => 45000000, viewer_count => 1,
            wishlist_today => 3, viewings_this_week => undef },
          'what is known, the viewer included');
ok(counts($ann, 1), 'the newcomer hears the number of viewers');


# many users, several tabs, over all workers

my @tabs = map { client(user => 'ann') } 1 .. 5;
$_->send_json('property:view', 'p1') for @tabs;
is($_->wait_for('property:state')->{payload}{viewer_count}, 1,
   'tabs of one user are one viewer') for @tabs;

my @others = map { client(user => "u$_") } 1 .. 11;
my $start = time;

$_->send_json('join_property_view', { propertyId => 'p1' }) for @others;
ok($_->wait_for('property:state'), 'an alias and the other spelling')
    for @others;
ok(counts($_, 12), 'every viewer hears of twelve') for $ann, @tabs, @others;
cmp_ok(time - $start, '<', 2, 'soon');

is_deeply(api(GET => '/api/properties/p1/viewers')->{json},
          { property_id => 'p1', count => 12 }, 'so does who polls');


# leaving: by command, by closing, by losing the connection

# counts on the way to twelve may have come, too
$tabs[0]->clear;
$tabs[0]->send_json('property:leave', { property_id => 'p1' }, 'x');
is_deeply($tabs[0]->wait_for('ack')->{payload}, {}, 'a tab leaves');
$tabs[1]->close;
$tabs[2]->drop;

$others[0]->send_json('leave_property_view', 'p1');
ok(counts($ann, 11), 'a leaving user counts, a tab of several does not');
$others[1]->close;
ok(counts($ann, 10), 'a closed connection is a leave');
$others[2]->drop;
ok(counts($ann, 9), 'so is a lost one');

ok($tabs[0]->no_event('property:viewer_count', cond => sub {
       $_[0]{payload}{count} < 12
   }), 'who left hears nothing more');

$tabs[0]->send_json('property:leave', { property_id => 'p1' }, 2);
my $error = $tabs[0]->wait_for('error');
is($error->{payload}{code}, 'not_joined', 'nor can it leave again');
is($error->{id}, 2, 'and is told so by id');


# several properties at a time

$ann->send_json('property:view', 'p2');
$ann->send_json('property:view', 3);
is($ann->wait_for('property:state')->{payload}{title}, undef,
   'a property that nobody put can be viewed');
is($ann->wait_for('property:state')->{payload}{property_id}, '3',
   'an integer is an id');
ok(counts($ann, 1, 'p2') && counts($ann, 1, 3), 'each has its own viewers');


# watchers are no viewers, and hear each event once

my $wes = client(user => 'wes');
$wes->send_json('property:subscribe', { property_id => 'p1' }, 1);
$state = $wes->wait_for('property:state');
is($state->{payload}{viewer_count}, 9, 'a watcher is not counted');
is($state->{channel}, 'property:p1', 'and has a place to resume from');

$others[3]->close;
ok(counts($ann, 8), 'somebody leaves');
ok($wes->no_event('property:viewer_count'), 'watchers do not hear of it');

$wes->send_json('property:view', { property_id => 'p1' }, 2);
is($wes->wait_for('property:state')->{payload}{viewer_count}, 9,
   'a watcher may view, too');
ok(counts($ann, 9) && counts($wes, 9), 'and is counted then');

api(POST => '/api/broadcast/property',
    { property_id => 'p1', event => 'property_featured', until => 'June' });

for my $ws ($wes, $ann) {
    ok($ws->wait_for('property:property_featured'), 'an event comes');
    ok($ws->no_event('property:property_featured'), 'once');
}

$wes->send_json('property:leave', 'p1');
ok(counts($ann, 8), 'it leaves');
$wes->clear;
api(POST => '/api/broadcast/property',
    { property_id => 'p1', event => 'property_featured', until => 'July' });
is($wes->wait_for('property:property_featured')->{payload}{until}, 'July',
   'and still watches');

$wes->send_json('property:unsubscribe', { property_id => 'p1' }, 3);
ok($wes->wait_for('ack', sub { $_[0]{id} == 3 }), 'until it unsubscribes');
api(POST => '/api/broadcast/property',
    { property_id => 'p1', event => 'property_featured', until => 'May' });
ok($ann->wait_for('property:property_featured',
                  sub { $_[0]{payload}{until} eq 'May' }), 'the next event');
ok($wes->no_event('property:property_featured'), 'is not for it');

$wes->send_json('property:unsubscribe', { property_id => 'p1' }, 4);
is($wes->wait_for('error')->{payload}{code}, 'not_joined',
   'nor is there more to unsubscribe from');


# bad payloads

for my $type (qw(property:view property:leave property:subscribe
                 property:unsubscribe))
{
    for my $bad ({}, { property_id => '' }, { property_id => [1] },
                 { property_id => 'a b' }, { property_id => 'x' x 129 }, [])
    {
        $wes->send_json($type, $bad, 'bad');
        my $answer = $wes->wait_for('error', sub { $_[0]{id} eq 'bad' });
        is($answer->{payload}{code}, 'invalid_payload', "$type refuses");
    }
}


# at most four a second, whatever comes and goes

{
    my @crowd = map { client(user => "c$_") } 1 .. 20;
    my $eve = client(user => 'eve');
    my ($heard, $began) = (0, time);

    $eve->send_json('property:view', 'p9');

    for my $round (1 .. 6) {
        for my $ws (@crowd) {
            $ws->send_json($round % 2 ? 'property:view' : 'property:leave',
                           'p9', $round);
        }

        $_->wait_for($round % 2 ? 'property:state' : 'ack') for @crowd;
    }

    ok(counts($eve, 1, 'p9'), 'the last count is right');
    my $took = time - $began;
    $heard = 1 + grep { $_->{type} eq 'property:viewer_count' } $eve->events;
    cmp_ok($heard, '<=', 4 * $took + 2, 'at most four a second');
}


# a connection has room for a thousand channels, its user's own included

{
    my $greedy = client(user => 'greedy');

    my $states = 0;

    for my $n (1 .. 999) {
        $greedy->send_json('property:view', "g$n");

        next if $n % 20 && $n < 999;
        $states++ while $states < $n && $greedy->wait_for('property:state');
    }

    is($states, 999, 'as many properties as there is room for');
    $greedy->clear;
    $greedy->send_json('property:view', 'more', 1);
    is($greedy->wait_for('error')->{payload}{code}, 'unavailable',
       'one more is refused');
    $greedy->send_json('property:leave', 'g1', 2);
    ok($greedy->wait_for('ack'), 'after leaving one');
    $greedy->send_json('property:view', 'more', 3);
    ok($greedy->wait_for('property:state'), 'there is room again');
}

done_testing();
