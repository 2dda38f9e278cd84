#!/usr/bin/perl

# Joining and bidding over four workers: what all hear, in one order, and every
# way to be refused.

use strict;
use warnings;

use lib 't/lib', 't/auction';
use RTProp::Test;
use Auction;

my $nginx = rtprop_nginx(location => 'rtprop_rate bid off;
                                      rtprop_rate other off;');

is(auction(a1 => ())->{status}, 201, 'an auction');


# joining

my $ann = joined(ann => 'a1');
my $state = $ann->{state};

is($state->{channel}, 'auction:a1', 'the state has its channel');
like($state->{epoch}, qr/^[0-9a-f]{16}$/, 'its epoch');
is($state->{offset}, 0, 'its offset');
ok(defined $state->{id}, 'and the id of the command');

my $p = $state->{payload};
my $server_time = delete $p->{server_time};
my $ends = delete $p->{auction}{ends_at};

like($server_time, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, 'a time');
like(delete $p->{auction}{starts_at}, qr/^\d{4}-.*Z$/, 'a start');
like(delete $p->{remaining_seconds}, qr/^(3600|359\d)$/, 'an hour is left');

is_deeply($p, {
    auction_id => 'a1', recent_bids => [], your_bidder_number => 1,
    bidder_number => 1, active_bidders => 1, current_bidder_number => undef,
    your_max_amount => undef,
    auction => { id => 'a1', auction_id => 'a1', property_id => 'p-a1',
                 property_title => 'House a1', status => 'live',
                 current_price => 1000, minimum_bid => 1100,
                 minimum_next_bid => 1100, bid_increment => 100,
                 reserve_met => false, version => 2 },
}, 'the state of a new auction');

my ($bob, $cleo, $dan) = spread($nginx, a1 => qw(bob cleo dan));
ok($dan, 'more bidders, each in a worker of its own');
is($bob->{state}{payload}{your_bidder_number}, 2, 'the second is number 2');
is($dan->{state}{payload}{your_bidder_number}, 4, 'the fourth is number 4');


# one bid

my $elsewhere = client(user => 'ann');
$_->clear for $ann, $bob, $cleo, $dan;

my ($said, $type) = bid($ann, a1 => 1100);
is($type, 'auction:bid_accepted', 'a bid of the minimum');
like($said->{timestamp}, qr/Z$/, 'has a time');
is_deeply([@{$said}{qw(auction_id amount bidder_id bidder_number)}],
          ['a1', 1100, 'ann', 1], 'is told to the bidder');

for my $ws ($ann, $bob, $cleo, $dan) {
    my $event = $ws->wait_for('auction:new_bid');
    my $bid = $event->{payload}{bid};

    is($event->{channel} . $event->{offset}, 'auction:a11', 'all hear of it');
    ok(!exists $event->{id} && !exists $event->{epoch}, 'as a room event');
    is_deeply([@{$bid}{qw(id bid_id amount bidder_number)}],
              [$said->{bid_id}, $said->{bid_id}, 1100, 1], 'the bid');
    is($bid->{created_at}, $said->{timestamp}, 'its time');
    is_deeply($event->{payload}{auction}, $event->{payload}{auction_state},
              'the auction, under both names');
    is_deeply([@{$event->{payload}{auction}}{qw(current_price minimum_bid
                                                reserve_met)}],
              [1100, 1200, true], 'and where it stands');
    unlike(JSON::PP::encode_json($event), qr/"ann"|user_id/, 'nobody named');
}


# refusals

is(codes($ann, a1 => 1200), 'already_highest', 'the leader');

my ($low) = bid($bob, a1 => 1199);
is_deeply($low, { auction_id => 'a1', code => 'below_minimum', amount => 1199,
                  reason => 'Minimum bid is 1,200', minimum_bid => 1200,
                  current_price => 1100 }, 'too low');

is(codes($bob, a1 => $_), 'invalid_amount', 'no amount: ' . ($_ // 'none'))
    for 0, -5, 1200.5, '"1300"', 'x', undef, 9007199254740992, 1e300, [], {},
        9007199254740991;

my ($odd) = bid($bob, a1 => '12');
is_deeply([@{$odd}{qw(amount minimum_bid current_price)}], ['12', 1200, 1100],
          'an amount that is none comes back, with the minimum');

is(codes($elsewhere, a1 => 1300), 'not_joined', 'without joining');
is(codes($bob, none => 1300), 'error not_found', 'an unknown auction');
is(codes($bob, '' => 1300), 'error invalid_payload', 'an id that is none');

for (['max_amount', 5000], ['client_bid_id', 'x' x 65],
     ['client_bid_id', {}])
{
    ($said, $type) = bid($bob, a1 => 1300, @$_);
    is("$type $said->{code} $said->{field} $said->{event}",
       "error invalid_payload $_->[0] auction:bid", "a bad $_->[0]");
}

$bob->send_json('auction:bid', undef, 'e');
is($bob->wait_for('error')->{payload}{field}, 'auction_id', 'no payload');

auction(soon => starts_in => 3_000_000);
my $eve = joined(eve => 'soon');
is($eve->{state}{payload}{auction}{status}, 'scheduled', 'a scheduled one');
is(codes($eve, soon => 1100), 'not_started', 'too early');

act(soon => 'start');
act(soon => 'pause');
is(codes($eve, soon => 1100), 'paused', 'while it pauses');

act(soon => 'end');
is(codes($eve, soon => 1100), 'auction_ended', 'too late');

ok($cleo->no_event('auction:new_bid'), 'of none of these anybody hears');


# outbid

$_->clear for $ann, $elsewhere, $bob;
($said) = bid($bob, a1 => 1300);

for my $ws ($ann, $elsewhere) {
    my $event = $ws->wait_for('auction:outbid');

    is_deeply($event->{payload}, {
        auction_id => 'a1', property_title => 'House a1', your_bid => 1100,
        new_high_bid => 1300, minimum_to_win => 1400,
    }, 'outbid, on every connection');
    is($event->{channel}, 'user:ann', 'on the channel of the user');
    is($event->{offset}, 1, 'which is reliable');
}

ok($cleo->no_event('auction:outbid'), 'nobody else hears that');

auction(o1 => ());
$ann->send_json('auction:join', { auction_id => 'o1' }, 'o');
$ann->wait_for('auction:state', sub { $_[0]{id} eq 'o' });
bid($ann, o1 => 1100);
my $rival = joined(bob => 'o1');
$ann->wait_for('auction:new_bid');
bid($rival, o1 => 1200);
is($ann->wait_for(qr/^auction:(new_bid|outbid)$/)->{type}, 'auction:new_bid',
   'the bid comes first');
ok($ann->wait_for('auction:outbid'), 'then that it outbids');


# retries

my ($first) = bid($cleo, a1 => 1400, client_bid_id => 'c-1');
my ($again, $how) = bid($cleo, a1 => 1400, client_bid_id => 'c-1');
is($how, 'auction:bid_accepted', 'a retry is accepted');
is_deeply($again, $first, 'with the same answer');

bid($dan, a1 => 1500);
is_deeply((bid($cleo, a1 => 9999, client_bid_id => 'c-1'))[0], $first,
          'even when outbid meanwhile');

$cleo->drop;
$cleo = client(user => 'cleo');
is_deeply((bid($cleo, a1 => 1400, client_bid_id => 'c-1'))[0], $first,
          'and over another connection, before joining');

is(grep({ $_->{payload}{bid}{amount} == 1400 }
        do { $dan->fence; grep { $_->{type} eq 'auction:new_bid' }
                          $dan->events }), 1, 'the room has heard it once');


# aliases, spellings, bare ids

$cleo->send_json('join_auction', 'a1', 5);
ok($cleo->wait_for('auction:state', sub { $_[0]{id} == 5 }), 'a bare id');
$cleo->send_json('place_bid', { auctionId => 'a1', amount => 1600 }, 6);
ok($cleo->wait_for('auction:bid_accepted', sub { $_[0]{id} == 6 }),
   'place_bid, in camelCase');


# everybody at once, from all workers: one order for all

for my $ws ($ann, $bob, $dan, $cleo) {
    $ws->wait_for('auction:new_bid',
                  sub { $_[0]{payload}{bid}{amount} == 1600 });
    $ws->clear;
}

my %ws = (ann => $ann, bob => $bob, cleo => $cleo, dan => $dan);

for my $round (1 .. 25) {
    $ws{$_}->send_json('auction:bid', { auction_id => 'a1',
                                        amount => 2000 + $round * 100 },
                       "$_-$round") for sort keys %ws;
}

my (%order, %accepted);

for my $name (sort keys %ws) {
    my $n = 0;

    while ($n < 25) {
        my $answer = $ws{$name}->wait_for(qr/^auction:bid_/,
                         sub { ($_[0]{id} // '') =~ /^$name-/ }) or last;
        $n++;
        $accepted{$answer->{payload}{amount}}++
            if $answer->{type} eq 'auction:bid_accepted';
    }

    is($n, 25, "$name has all answers");
}

my $last = api(GET => '/api/auctions/a1')->{json};

for my $name (sort keys %ws) {
    $ws{$name}->wait_for('auction:new_bid', sub {
        push @{$order{$name}}, $_[0];
        return $_[0]{payload}{bid}{amount} == $last->{current_price};
    });
}

is_deeply($order{$_}, $order{ann}, "$_ has heard the same, in the same order")
    for qw(bob cleo dan);

my @amounts = map { $_->{payload}{bid}{amount} } @{$order{ann}};
my @offsets = map { $_->{offset} } @{$order{ann}};
my @ids = map { $_->{payload}{bid}{id} } @{$order{ann}};

is_deeply(\@amounts, [sort { $a <=> $b } @amounts], 'amounts only rise');
is_deeply(\@ids, [sort { $a <=> $b } @ids], 'and so do ids');
is_deeply(\@offsets, [$offsets[0] .. $offsets[-1]], 'no offset is missing');
is_deeply([sort { $a <=> $b } keys %accepted], \@amounts,
          'each was accepted, none else');
is((grep { $_ > 1 } values %accepted), 0, 'and for one bidder only');
cmp_ok(scalar @amounts, '>', 5, @amounts . ' bids came through');


# over the rate

my $slow = rtprop_nginx(location => 'rtprop_rate bid 1r/s burst=2;
                                     rtprop_field_case both;');
auction(r1 => ());
my $fred = joined(fred => 'r1');
is(codes($fred, r1 => 1100), 'accepted', 'within the rate');
is(codes($fred, r1 => 1200), 'already_highest', 'still');

($said, $type) = bid($fred, r1 => 1300);
is($type, 'auction:bid_rejected', 'over the rate: rejected');
is_deeply([@{$said}{qw(auction_id code amount minimum_bid current_price)}],
          ['r1', 'rate_limited', 1300, 1200, 1100], 'with code and state');
cmp_ok($said->{retry_after_ms}, '>', 0, 'and when to come again');

is_deeply([@{$said}{qw(auctionId minimumBid currentPrice retryAfterMs)}],
          [@{$said}{qw(auction_id minimum_bid current_price retry_after_ms)}],
          'keys in either spelling, if told');


done_testing();
