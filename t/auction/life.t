#!/usr/bin/perl

# Auctions outlive workers: kills, reloads, and nobody there.

use strict;
use warnings;

use lib 't/lib', 't/auction';
use RTProp::Test;
use Auction;

my $nginx = rtprop_nginx(location => 'rtprop_rate bid off;
                                      rtprop_rate other off;');


# How often an auction has ended, by its channel's history.

sub endings {
    my ($ws, $state) = @_;
    my $channel = $state->{channel};

    $ws->clear;
    $ws->send_json('resume', { channels => {
        $channel => { epoch => $state->{epoch}, offset => 0 } } }, 'r');
    my $back = $ws->wait_for('resumed')->{payload}{channels}{$channel};

    return "not recovered" if !$back->{recovered};
    return scalar grep { $_->{type} eq 'auction:ended' } $ws->events;
}


# workers die while auctions end

my $now = now_ms();
my @ids = map { "k$_" } 1 .. 40;
my $n = 0;

auction($_ => ends_at => $now + 2000 + 30 * $n++, extend_window_ms => 0)
    for @ids;

my $watcher = joined(wes => $ids[0]);
my $mine = worker_of($nginx, $watcher);
my %state = ($ids[0] => $watcher->{state});

for my $id (@ids[1 .. $#ids]) {
    $watcher->send_json('auction:join', { auction_id => $id }, $id);
    $state{$id} = $watcher->wait_for('auction:state',
                                     sub { $_[0]{id} eq $id });
}

my $killed = 0;

while (now_ms() < $now + 3300) {
    my ($victim) = grep { $_ != $mine } $nginx->workers;

    $nginx->kill_worker($victim);
    $killed++;
}

cmp_ok($killed, '>', 3, "$killed workers were killed");

my %ended;

for my $id (@ids) {
    my $event = $watcher->wait_for('auction:ended', sub {
        $_[0]{payload}{auction_id} eq $id }, 15) or last;
    $ended{$id}++;
}

is(keys %ended, @ids, 'all auctions have ended');
ok($watcher->no_event('auction:ended'), 'once for who was there');

my $reader = client(user => 'rita');
is_deeply([map { endings($reader, $state{$_}) } @ids], [map { 1 } @ids],
          'and once in the history of each');


# what was accepted outlives the worker that accepted it

auction(b1 => ());
my ($ann, $bob) = spread($nginx, b1 => qw(ann bob));
my @accepted;

for my $round (1 .. 4) {
    my ($said, $type) = bid($ann, b1 => 1000 + 200 * $round,
                            client_bid_id => "a$round");
    push @accepted, $said->{bid_id} if $type eq 'auction:bid_accepted';

    $nginx->kill_worker(worker_of($nginx, $ann));
    $ann->drop;
    $ann = joined(ann => 'b1');
    is($ann->{state}{payload}{recent_bids}[0]{id}, $said->{bid_id},
       "bid $round is kept");
    is((bid($ann, b1 => 1, client_bid_id => "a$round"))[0]{bid_id},
       $said->{bid_id}, 'and a retry knows it');

    $bob = joined(bob => 'b1');
    bid($bob, b1 => 1100 + 200 * $round);
}

my $bids = api(GET => '/api/auctions/b1/bids')->{json}{bids};
my %kept = map { $_->{id} => 1 } @$bids;
is(grep({ $kept{$_} } @accepted), 4, 'all of them are on record');


# a dead worker's bidders have left

auction(g1 => ());
($ann, $bob) = spread($nginx, g1 => qw(ann bob));
$nginx->kill_worker(worker_of($nginx, $bob));
my $left = $ann->wait_for('auction:bidder_left', undef, 10);
is($left->{payload}{bidder_number}, 2, 'is told with the number');
ok($ann->wait_for('auction:bidder_count',
                  sub { $_[0]{payload}{count} == 1 }), 'and not counted');


# a reload

my $ends = now_ms() + 5000;
auction(r1 => ends_at => $ends, extend_window_ms => 0);
auction(r2 => starts_at => $ends - 500, ends_at => $ends + 500,
        extend_window_ms => 0);
auction(r3 => ends_in => 10_000_000);
act(r3 => 'pause');

$ann = joined(ann => 'r1');
is(codes($ann, r1 => 1100), 'accepted', 'a bid before a reload');
my ($epoch, $offset) = ($ann->{state}{epoch}, $ann->{state}{offset});

$nginx->reload;
is(($ann->wait_close)[0], 1012, 'the old worker says goodbye');

$ann = client(user => 'ann');
$ann->send_json('resume', { channels => {
    'auction:r1' => { epoch => $epoch, offset => $offset } } });
is($ann->wait_for('resumed')->{payload}{channels}{'auction:r1'}{missed}, 1,
   'the new one knows what was');

$bob = joined(bob => 'r1');
is(codes($bob, r1 => 1200), 'accepted', 'bidding goes on');
is($ann->wait_for('auction:ended', undef, 10)->{payload}{winner_id},
   'bob', 'to the end');
is($ann->no_event('auction:ended'), 1, 'once');

$nginx->wait_until(sub {
    api(GET => '/api/auctions/r2')->{json}{status} eq 'ended' });
my $r2 = api(GET => '/api/auctions/r2')->{json};
is_deeply([@{$r2}{qw(status starts_at ended_at)}],
          ['ended', iso($ends - 500), iso($ends + 500)],
          'another one started and ended alone');

my $cleo = joined(cleo => 'r3');
is($cleo->{state}{payload}{auction}{status}, 'paused', 'a pause lasts');
is(act(r3 => 'resume')->{status}, 200, 'and ends by order');


done_testing();
