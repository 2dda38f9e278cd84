#!/usr/bin/perl

# Start, extension, pause and end: by the clock, and by order.

use strict;
use warnings;

use lib 't/lib', 't/auction';
use RTProp::Test;
use Auction;

my $nginx = rtprop_nginx(location => 'rtprop_rate bid off;
                                      rtprop_rate other off;');


# Waits until the auction has this status, over HTTP.

sub becomes {
    my ($id, $status) = @_;
    my $json;

    $nginx->wait_until(sub {
        $json = api(GET => "/api/auctions/$id")->{json};
        return $json->{status} eq $status;
    }) or diag("$id is $json->{status}, not $status");

    return $json;
}


# nobody is there

my $starts = now_ms() + 800;
auction(alone => starts_at => $starts, ends_at => $starts + 700,
        extend_window_ms => 0);
is(api(GET => '/api/auctions/alone')->{json}{status}, 'scheduled',
   'an auction that starts later');

my $json = becomes(alone => 'live');
cmp_ok(now_ms(), '>=', $starts, 'starts by itself, not before its time');
is($json->{starts_at}, iso($starts), 'as it was planned');

$json = becomes(alone => 'ended');
cmp_ok(now_ms(), '>=', $starts + 700, 'and ends by itself');
is($json->{ended_at}, iso($starts + 700), 'dated by its terms');
is($json->{winner_bidder_number}, undef, 'without a winner');

my $late = joined(ann => 'alone');
is($late->{state}{payload}{auction}{status}, 'ended', 'it can be joined');
is($late->{state}{payload}{remaining_seconds}, 0, 'nothing remains');
is($late->{state}{payload}{your_bidder_number}, undef, 'no number any more');
is($late->{state}{payload}{active_bidders}, 1, 'one is there');
is(codes($late, alone => 1100), 'auction_ended', 'and no bid is possible');


# one that only watches hears of all

auction(watched => starts_in => 600_000);
my $watcher = joined(wes => 'watched');
$starts = now_ms() + 1000;
auction(watched => starts_at => $starts, ends_at => $starts + 800,
        extend_window_ms => 0);
my $sync = $watcher->wait_for('auction:timer_sync');
is_deeply([sort keys %{$sync->{payload}}],
          [qw(auction_id ends_at remaining_seconds server_time status
              version)], 'the start is told by the clock');
is($sync->{payload}{status}, 'live', 'which is live');
is($sync->{payload}{ends_at}, iso($starts + 800), 'until then');
ok(!exists $sync->{offset}, 'and volatile');

my $ended = $watcher->wait_for('auction:ended');
is_deeply($ended->{payload}, {
    auction_id => 'watched', winner_id => undef, winning_bid => undef,
    winner_bidder_number => undef, final_price => undef,
    reserve_met => false, ended_at => iso($starts + 800),
}, 'the end, without bids');
is($ended->{offset}, 1, 'is reliable');
$sync = $watcher->wait_for('auction:timer_sync',
                           sub { $_[0]{payload}{status} eq 'ended' });
is($sync->{payload}{remaining_seconds}, 0, 'the clock stands at 0 then');


# late bids move the end on, from the old end

auction(soft => starts_in => 600_000);
my ($ann, $bob) = spread($nginx, soft => qw(ann bob));
my $ends = now_ms() + 3000 * ($ENV{RTPROP_PATIENCE} || 1);
auction(soft => ends_at => $ends, extend_window_ms => 60000,
        extend_by_ms => 400);
is(codes($ann, soft => 1100), 'accepted', 'a late bid');

my $more = $bob->wait_for('auction:time_extended');
is_deeply([@{$more->{payload}}{qw(auction_id new_end_time ends_at reason)}],
          ['soft', iso($ends + 400), iso($ends + 400), 'late_bid'],
          'moves the end on');
ok($more->{offset} == 2 && $more->{payload}{server_time}
   && $more->{payload}{remaining_seconds}, 'reliably');
is($bob->wait_for('auction:new_bid')->{payload}{auction}{ends_at},
   iso($ends + 400), 'which is in new_bid, too');
ok($bob->wait_for('auction:timer_sync', sub {
    $_[0]{payload}{ends_at} eq iso($ends + 400) }), 'and the clock is set');

is(codes($bob, soft => 1200), 'accepted', 'one more');
ok($ann->wait_for('auction:time_extended', sub {
    $_[0]{payload}{ends_at} eq iso($ends + 800) }), 'again from the old end');

$ended = $ann->wait_for('auction:ended');
cmp_ok(now_ms(), '>=', $ends + 800, 'it ends not before the new end');
is_deeply($ended->{payload}, {
    auction_id => 'soft', winner_id => 'bob', winner_bidder_number => 2,
    final_price => 1200, winning_bid => 1200, reserve_met => true,
    ended_at => iso($ends + 800),
}, 'and tells who has won');
ok($bob->wait_for('auction:ended'), 'to all');
is(codes($ann, soft => 5000), 'auction_ended', 'too late then');
ok($bob->no_event('auction:ended'), 'exactly once');


# bidding up to the end: what was accepted is in the result

auction(rush => starts_in => 600_000);
($ann, $bob) = spread($nginx, rush => qw(ann bob));
$ends = now_ms() + 3000 * ($ENV{RTPROP_PATIENCE} || 1);
auction(rush => ends_at => $ends, extend_window_ms => 0);

my ($highest, $amount, %code) = (0, 1000);

while (!$code{auction_ended} && now_ms() < $ends + 5000) {
    my $ws = $amount / 100 % 2 ? $ann : $bob;
    my $code = codes($ws, rush => $amount += 100);

    $code{$code}++;
    $highest = $amount if $code eq 'accepted';
}

is_deeply([sort keys %code], [qw(accepted auction_ended)],
          'bids are accepted, until it is over');
is($ann->wait_for('auction:ended')->{payload}{final_price}, $highest,
   'the last accepted one has won');
is(api(GET => '/api/auctions/rush')->{json}{bid_count}, $code{accepted},
   'and each counts');


# anonymous: only the winner learns the name

auction(veiled => anonymous => true);
my $other;
($ann, $bob) = spread($nginx, veiled => qw(ann bob));
$other = joined(ann => 'veiled');
bid($ann, veiled => 1100);
act(veiled => 'end');

is($_->wait_for('auction:ended')->{payload}{winner_id}, 'ann',
   'the winner gets the id') for $ann, $other;
$ended = $bob->wait_for('auction:ended');
is($ended->{payload}{winner_id}, undef, 'others do not');
is($ended->{payload}{winner_bidder_number}, 1, 'they get the number');
is($ann->wait_for('auction:new_bid')->{offset}, 1, 'offset of the bid');
is($ended->{offset}, 2, 'offset of the end');


# orders

my $res = auction(o1 => starts_in => 600_000, ends_in => 1_200_000);
$starts = $res->{json}{starts_at};
$ann = joined(ann => 'o1');
$bob = joined(bob => 'o1');

is(act(o1 => $_, { by_ms => 1 })->{status}, 409, "$_ is too early")
    for qw(pause resume extend end);

$res = act(o1 => 'start');
is($res->{status}, 200, 'start');
is($res->{json}{status}, 'live', 'makes it live');
cmp_ok($res->{json}{starts_at}, 'lt', $starts, 'from now on');
is($bob->wait_for('auction:timer_sync')->{payload}{status}, 'live',
   'which is told');

is(codes($ann, o1 => 1100), 'accepted', 'bids are possible');

$res = act(o1 => 'pause');
my $end = $res->{json}{ends_at};
is($res->{json}{status}, 'paused', 'pause');
$sync = $bob->wait_for('auction:timer_sync',
                       sub { $_[0]{payload}{status} eq 'paused' });
ok($sync, 'is told');
is(codes($bob, o1 => 1200), 'paused', 'no bids then');
my $left = joined(cleo => 'o1')->{state}{payload}{remaining_seconds};
is($left, $sync->{payload}{remaining_seconds}, 'the clock stands still');

$res = act(o1 => 'resume');
is($res->{json}{status}, 'live', 'resume');
$more = $bob->wait_for('auction:time_extended');
is_deeply([@{$more->{payload}}{qw(reason ends_at)}],
          ['resumed', $res->{json}{ends_at}], 'moves the end on');
cmp_ok($res->{json}{ends_at}, 'gt', $end, 'by the pause');

$end = $res->{json}{ends_at};
$res = act(o1 => extend => { by_ms => 60000 });
is($res->{status}, 200, 'extend by');
$more = $bob->wait_for('auction:time_extended');
is_deeply([@{$more->{payload}}{qw(reason ends_at)}],
          ['extended', $res->{json}{ends_at}], 'is told');
cmp_ok($res->{json}{ends_at}, 'gt', $end, 'ends later');

my $to = now_ms() + 7_200_000;
is(act(o1 => extend => { ends_at => iso($to) })->{json}{ends_at}, iso($to),
   'extend to');

for ([{}, 'by_ms'], [{ by_ms => 0 }, 'by_ms'], [{ by_ms => 'x' }, 'by_ms'],
     [{ ends_at => 5 }, 'ends_at'], [{ ends_at => 'x' }, 'ends_at'])
{
    $res = act(o1 => extend => $_->[0]);
    is("$res->{status} $res->{json}{code} $res->{json}{field}",
       "422 invalid_payload $_->[1]", 'a bad extension');
}

$res = act(o1 => 'cancel');
is($res->{json}{status}, 'cancelled', 'cancel');
$ended = $bob->wait_for('auction:ended');
is($ended->{payload}{winner_id}, undef, 'ends it without a winner');
is($ended->{payload}{final_price}, undef, 'or a price');

is(act(o1 => $_, { by_ms => 1 })->{status}, 409, "$_ is too late")
    for qw(start pause resume extend cancel end);
ok($bob->no_event('auction:ended'), 'and nothing ends twice');


# the countdown: one told to all every ten seconds, however many workers; a busy
# machine may be late with it, but two workers that told it would be together

auction(ticks => ());
$ann = joined(ann => 'ticks');
my @told = map { $ann->wait_for('auction:timer_sync', undef, 15) } 1 .. 2;
my @at = map { $_->{payload}{remaining_seconds} } @told;

cmp_ok($at[0], '>', 3590, 'a first one soon');
cmp_ok($at[0] - $at[1], '>', 5, 'the next ten seconds later');


done_testing();
