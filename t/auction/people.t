#!/usr/bin/perl

# Who is in the room: numbers, counts, coming and going, resuming.

use strict;
use warnings;

use lib 't/lib', 't/auction';
use RTProp::Test;
use Auction;

my $nginx = rtprop_nginx(location => 'rtprop_rate bid off;
                                      rtprop_rate other off;');

auction(a1 => ());


# Waits until a client has heard that so many are there.

sub hears_count {
    my ($ws, $n) = @_;

    my $event = $ws->wait_for('auction:bidder_count',
                              sub { $_[0]{payload}{count} == $n });

    return $event && "@{$event->{payload}}{qw(auction_id bidder_count
                                              active_bidders)}" eq "a1 $n $n"
           && !exists $event->{offset};
}


# coming

my $ann = joined(ann => 'a1');
ok(hears_count($ann, 1), 'the first hears that one is there');
ok($ann->no_event('auction:bidder_joined'), 'but not of coming');

my ($bob, $cleo) = spread($nginx, a1 => qw(bob cleo));
my $joined = $ann->wait_for('auction:bidder_joined',
                            sub { $_[0]{payload}{bidder_number} == 2 });
is($joined->{payload}{auction_id}, 'a1', 'another one is told');
ok(!exists $joined->{offset}, 'and soon forgotten');
ok(hears_count($_, 3), 'all hear that three are there') for $ann, $bob, $cleo;
is($cleo->{state}{payload}{active_bidders}, 3, 'the state says so');

$_->clear for $ann, $bob, $cleo;
my $second = joined(bob => 'a1');
is($second->{state}{payload}{your_bidder_number}, 2, 'a second tab: the same');
is($second->{state}{payload}{active_bidders}, 3, 'three as before');

$ann->send_json('auction:join', { auction_id => 'a1' }, 3);
my $state = $ann->wait_for('auction:state', sub { $_[0]{id} == 3 });
is($state->{payload}{your_bidder_number}, 1, 'joining again: the state again');
is($state->{payload}{active_bidders}, 3, 'and nobody counts twice');


# going

$second->close;
$bob->send_json('auction:leave', { auction_id => 'a1' }, 4);
is($bob->wait_for('ack')->{id}, 4, 'leaving is acknowledged');
my $left = $ann->wait_for('auction:bidder_left');
is_deeply($left->{payload}, { auction_id => 'a1', bidder_number => 2,
                              bidder_count => 2 }, 'and told, once');
ok(hears_count($ann, 2), 'two are there');
is(codes($bob, a1 => 5000), 'not_joined', 'who left cannot bid');
bid($ann, a1 => 1100);
ok($bob->no_event('auction:new_bid'), 'nor hears of bids');
ok($ann->no_event('auction:bidder_left'), 'the tabs are one user');

$cleo->drop;
is($ann->wait_for('auction:bidder_left')->{payload}{bidder_number}, 3,
   'a lost connection is a leave');

$bob->send_json('auction:leave', { auction_id => 'a1' }, 5);
is($bob->wait_for('error')->{payload}{code}, 'not_joined', 'leaving twice');

for my $type (qw(auction:join auction:leave)) {
    for my $bad ({}, { auction_id => 'a b' }, { auction_id => [] }, []) {
        $bob->send_json($type, $bad, 6);
        my $error = $bob->wait_for('error')->{payload};
        is("$error->{code} $error->{event}", "invalid_payload $type",
           "$type refused");
    }
}

$bob->send_json('auction:join', { auction_id => 'none' }, 7);
is($bob->wait_for('error')->{payload}{code}, 'not_found', 'an unknown one');

$bob->send_json('auction:join', { auction_id => 'a1' }, 8);
is($bob->wait_for('auction:state')->{payload}{your_bidder_number}, 2,
   'who comes back has the old number');


# many at once: the count comes in beats, the last one is right

auction(m1 => ());
my $first = joined(mia => 'm1');
my @many = map { joined("many$_", 'm1') } 1 .. 30;

my $counts = 0;
ok($first->wait_for('auction:bidder_count', sub {
    $counts++;
    return $_[0]{payload}{count} == 31;
}), 'the count of many');
cmp_ok($counts, '<', 30, "is told in $counts beats");
$_->drop for @many;
ok($first->wait_for('auction:bidder_count',
                    sub { $_[0]{payload}{count} == 1 }), 'down to one');


# resuming

sub resume {
    my ($ws, $channel, $epoch, $offset) = @_;

    $ws->send_json('resume', { channels => {
        $channel => { epoch => $epoch, offset => $offset } } }, 'r');

    return $ws->wait_for('resumed')->{payload}{channels}{$channel};
}

my $dan = joined(dan => 'a1');
my ($epoch, $offset) = @{$dan->{state}}{qw(epoch offset)};
$dan->close;

bid($bob, a1 => 1200);
bid($ann, a1 => 1300);

$dan = client(user => 'dan');
my $back = resume($dan, 'auction:a1', $epoch, $offset);
is_deeply($back, { recovered => true, missed => 2, epoch => $epoch,
                   offset => $offset + 2 }, 'a resume');
my @missed = grep { $_->{type} eq 'auction:new_bid' } $dan->events;
is_deeply([map { $_->{payload}{bid}{amount} } @missed], [1200, 1300],
          'brings what was missed');
ok($dan->no_event('auction:state'), 'and no state');
is(codes($dan, a1 => 1400), 'accepted', 'it is a join');
is($dan->wait_for('auction:new_bid',
                  sub { $_[0]{payload}{bid}{amount} == 1400 })->{offset},
   $offset + 3, 'that goes on where it was');

my $eve = client(user => 'eve');
$back = resume($eve, 'auction:a1', '0123456789abcdef', 1);
is($back->{recovered}, false, 'what cannot be recovered');
is($back->{missed}, undef, 'is not counted');
$state = $eve->wait_for('auction:state');
is($state->{offset}, $offset + 3, 'is the state instead');
is($state->{payload}{recent_bids}[0]{amount}, 1400, 'as it is now');
is($state->{payload}{current_bidder_number}, 4, 'with the leader');
is_deeply([sort keys %{$state->{payload}{recent_bids}[0]}],
          [qw(amount bidder_number created_at id)], 'bids without users');

is(resume($eve, 'auction:none', $epoch, 1)->{code}, 'not_found',
   'nothing to resume');


# outbid is not lost with the connection

my $fay = joined(fay => 'a1');
my $place = $fay->{welcome}{payload}{channels}{'user:fay'};
bid($fay, a1 => 1500);
$fay->drop;
bid($ann, a1 => 1600);

$fay = client(user => 'fay');
$back = resume($fay, 'user:fay', @{$place}{qw(epoch offset)});
is($back->{missed}, 1, 'outbid while away');
is($fay->wait_for('auction:outbid')->{payload}{new_high_bid}, 1600,
   'is told on coming back');


done_testing();
