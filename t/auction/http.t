#!/usr/bin/perl

# The resource auctions/{id}: terms, versions, bids, broadcasts.

use strict;
use warnings;

use lib 't/lib', 't/auction';
use RTProp::Test;
use Auction;

rtprop_nginx(location => 'rtprop_rate bid off;');


sub said {
    my ($res) = @_;
    my $json = $res->{json} || {};

    return join ' ', grep { defined } $res->{status}, @{$json}{qw(code field)};
}


# PUT and GET

my ($starts, $ends) = (now_ms() + 600_000, now_ms() + 1_200_000);
my %terms = (property_id => 7, property_title => 'Mill', anonymous => true,
             starting_price => 100, bid_increment => 10,
             starts_at => iso($starts), ends_at => iso($ends),
             extend_window_ms => 5000, extend_by_ms => 6000);

my $res = api(PUT => '/api/auctions/a1', \%terms);
is($res->{status}, 201, 'PUT makes an auction');
is($res->{headers}{etag}, '"1"', 'in version 1');

my %known = (
    id => 'a1', auction_id => 'a1', property_id => '7',
    property_title => 'Mill', status => 'scheduled', current_price => 100,
    minimum_bid => 110, minimum_next_bid => 110, bid_increment => 10,
    starts_at => iso($starts), ends_at => iso($ends), reserve_met => false,
    version => 1, starting_price => 100, extend_window_ms => 5000,
    extend_by_ms => 6000, anonymous => true, bid_count => 0,
    bidder_count => 0, winner_bidder_number => undef, ended_at => undef,
    winner_id => undef,
);

is_deeply($res->{json}, \%known, 'the answer is the resource');

$res = api(GET => '/api/auctions/a1');
is($res->{status}, 200, 'GET');
is_deeply($res->{json}, \%known, 'gives the same');
is($res->{headers}{etag}, '"1"', 'with its version');
is($res->{headers}{'cache-control'}, 'no-store', 'never to be cached');
is(api(GET => '/api/auctions/a1', undef,
       'If-None-Match' => '"1"')->{status}, 304, 'unless it is known');

is(said(api(GET => '/api/auctions/none')), '404 not_found', 'an unknown one');

$res = api(PUT => '/api/auctions/a1',
           { %terms, starting_price => 200, ends_at => $ends + 1000 });
is($res->{status}, 200, 'PUT changes it');
is_deeply([@{$res->{json}}{qw(version current_price ends_at)}],
          [2, 200, iso($ends + 1000)], 'while it is scheduled, in all');

$res = api(PUT => '/api/auctions/d1', { currentPrice => 5, bidIncrement => 1,
                                        endsAt => iso($ends) });
is($res->{status}, 201, 'camelCase, and what must be');
is_deeply([@{$res->{json}}{qw(status current_price extend_window_ms
                              extend_by_ms anonymous property_id)}],
          ['live', 5, 120000, 120000, false, undef], 'the rest has defaults');


# what is no auction

for (['starting_price', starting_price => undef],
     ['starting_price', starting_price => -1],
     ['starting_price', starting_price => '100'],
     ['starting_price', starting_price => 1.5],
     ['bid_increment', bid_increment => 0],
     ['bid_increment', bid_increment => undef],
     ['bid_increment', bid_increment => 9007199254740991],
     ['ends_at', ends_at => undef],
     ['ends_at', ends_at => 'tomorrow'],
     ['ends_at', ends_at => iso($starts)],
     ['ends_at', starts_at => undef, ends_at => iso(now_ms() - 1)],
     ['starts_at', starts_at => {}],
     ['extend_window_ms', extend_window_ms => -1],
     ['extend_by_ms', extend_by_ms => 2592000001],
     ['anonymous', anonymous => 'yes'],
     ['property_id', property_id => ''],
     ['property_title', property_title => 5])
{
    my ($field, %bad) = @$_;

    is(said(api(PUT => '/api/auctions/bad', { %terms, %bad })),
       "422 invalid_payload $field", "a bad $field");
}

is(said(api(PUT => '/api/auctions/bad', [])), '422 invalid_payload',
   'an array');
is(said(api(PUT => '/api/auctions/bad', '{',
            'Content-Type' => 'application/json')), '400 invalid_json',
   'no JSON');
is(said(api(GET => '/api/auctions/bad')), '404 not_found', 'none was made');


# versions

$res = api(PUT => '/api/auctions/a1', { %terms, property_title => 'Lost' },
           'If-Match' => '"1"');
is(said($res), '409 conflict', 'a stale version is refused');
is($res->{json}{version}, 2, 'with the current one');
$res = api(PUT => '/api/auctions/a1', \%terms, 'If-Match' => '"2"');
is($res->{status} . $res->{headers}{etag}, '200"3"', 'the current one fits');
is(said(act(a1 => start => {}, 'If-Match' => '"2"')), '409 conflict',
   'actions look at it, too');
is(said(api(PUT => '/api/auctions/new', \%terms, 'If-Match' => '"1"')),
   '409 conflict', 'what is not there has no version');


# terms of a live auction

is(act(a1 => 'start')->{json}{version}, 4, 'an action makes a version');
is(said(api(PUT => '/api/auctions/a1', { %terms, @$_ })), '409 conflict',
   "no other $_->[0] any more")
    for [starting_price => 90], [bid_increment => 20],
        [ends_at => iso($ends + 1)], [starts_at => iso($starts + 1)],
        [extend_window_ms => 1], [extend_by_ms => 1], [anonymous => false];

my $ann = joined(ann => 'a1');
bid($ann, a1 => 110);
$res = api(PUT => '/api/auctions/a1',
           { %terms, property_title => 'Old mill', property_id => 8 });
is($res->{status}, 200, 'but another title');
is_deeply([@{$res->{json}}{qw(property_title property_id current_price
                              bid_count status)}],
          ['Old mill', '8', 110, 1, 'live'], 'price and bids stay');


# actions

is(said(act(a1 => 'stop')), '404 not_found', 'an unknown action');
is(said(act(none => 'start')), '404 not_found', 'an unknown auction');
is(api(GET => '/api/auctions/a1/start')->{status}, 405, 'by POST only');
is(api(DELETE => '/api/auctions/a1')->{status}, 405, 'nothing is deleted');
is(api(POST => '/api/auctions/d1/end')->{status}, 200, 'no body is needed');


# bids

auction(b1 => ());
my ($bob, $cleo) = (joined(bob => 'b1'), joined(cleo => 'b1'));
my @placed = map { (bid($_ % 2 ? $bob : $cleo, b1 => 1000 + 100 * $_))[0] }
             1 .. 7;

$res = api(GET => '/api/auctions/b1/bids');
is($res->{status}, 200, 'bids');
is_deeply([map { $_->{amount} } @{$res->{json}{bids}}],
          [reverse map { $_->{amount} } @placed], 'the newest first');
is_deeply($res->{json}{bids}[0], {
    id => $placed[6]{bid_id}, bid_id => $placed[6]{bid_id}, amount => 1700,
    bidder_number => 1, user_id => 'bob',
    created_at => $placed[6]{timestamp} }, 'with their users');
is($res->{json}{has_more}, false, 'all of them');

$res = api(GET => '/api/auctions/b1/bids?limit=3');
is(@{$res->{json}{bids}}, 3, 'three');
is($res->{json}{has_more}, true, 'there are more');
$res = api(GET => "/api/auctions/b1/bids?limit=4&before=$placed[4]{bid_id}");
is_deeply([map { $_->{amount} } @{$res->{json}{bids}}],
          [1400, 1300, 1200, 1100], 'older ones');
is($res->{json}{has_more}, false, 'no more');

is(said(api(GET => "/api/auctions/b1/bids?$_->[0]")),
   "422 invalid_payload $_->[1]", "a bad $_->[1]")
    for ['limit=0', 'limit'], ['limit=101', 'limit'], ['limit=x', 'limit'],
        ['before=x', 'before'];
is(said(api(GET => '/api/auctions/none/bids')), '404 not_found', 'of none');

$cleo->send_json('auction:history', { auction_id => 'b1', limit => 2,
                                      before => $placed[3]{bid_id} }, 9);
my $page = $cleo->wait_for('auction:history');
is($page->{id}, 9, 'auction:history');
is_deeply($page->{payload}, {
    auction_id => 'b1', has_more => true,
    bids => [map { { id => $_->{bid_id}, bid_id => $_->{bid_id},
                     amount => $_->{amount}, created_at => $_->{timestamp},
                     bidder_number => $_->{bidder_number} } }
             @placed[2, 1]] }, 'has no users');

for ([{ auction_id => 'none' }, 'not_found', undef],
     [{}, 'invalid_payload', 'auction_id'],
     [{ auction_id => 'b1', limit => 101 }, 'invalid_payload', 'limit'],
     [{ auction_id => 'b1', before => 'x' }, 'invalid_payload', 'before'])
{
    my ($payload, $code, $field) = @$_;

    $cleo->send_json('auction:history', $payload, 'h');
    my $error = $cleo->wait_for('error')->{payload};
    is_deeply([@{$error}{qw(code field)}], [$code, $field],
              "history refused: $code");
}

is($cleo->no_event('auction:bid'), 1, 'the record of bids is nobody\'s event');


# broadcasts

auction(c1 => ());
$bob = joined(bob => 'c1');
bid($bob, c1 => 1100);

sub post { return api(POST => '/api/broadcast/auction', { auction_id => 'c1',
                                                          @_ }) }

$res = post(event => 'announcement', data => { text => 'Going once' });
is($res->{status}, 200, 'a broadcast');
is($res->{json}{success}, true, 'has success');
my $heard = $bob->wait_for('auction:announcement');
is_deeply($heard->{payload}, { auction_id => 'c1', text => 'Going once' },
          'goes out with its data');
is($res->{json}{offset}, $heard->{offset}, 'at the place that is told');
like($res->{json}{epoch}, qr/^[0-9a-f]{16}$/, 'with the epoch');

post(event => 'auction:announcement', text => 'flat');
is_deeply($bob->wait_for('auction:announcement')->{payload},
          { auction_id => 'c1', text => 'flat' }, 'fields beside event');

is(said(post(event => $_, data => { count => 3 })),
   '422 invalid_payload event', "$_ is the auction's own word")
    for qw(new_bid auction:new_bid bidder_count timer_sync state outbid
           bid_accepted bid_rejected bidder_joined bidder_left history);
ok(!grep({ ($_->{payload}{count} // 0) == 3 } $bob->events),
   'and is not told by others');

my $to = now_ms() + 9_000_000;
$res = post(event => 'time_extended', data => { ends_at => iso($to) });
$heard = $bob->wait_for('auction:time_extended');
is($heard->{payload}{ends_at}, iso($to), 'time_extended extends');
is($res->{json}{offset}, $heard->{offset}, 'at its place');
is(api(GET => '/api/auctions/c1')->{json}{ends_at}, iso($to), 'what is kept');

is(said(post()), '422 invalid_payload event', 'no event');
is(said(post(event => 'a b')), '422 invalid_payload event', 'no name');
is(said(post(event => 'x', data => 5)), '422 invalid_payload data', 'no data');
is(said(post(event => 'time_extended')), '422 invalid_payload ends_at',
   'no time');
is(said(post(event => 'x', auction_id => 'none')), '404 not_found',
   'no auction');
is(said(post(event => 'ended', auction_id => 'none')), '404 not_found',
   'nor to end');

$res = post(event => 'ended');
is($res->{status}, 200, 'ended');
$heard = $bob->wait_for('auction:ended');
is($heard->{payload}{winner_id}, 'bob', 'closes the auction');
is($res->{json}{offset}, $heard->{offset}, 'at its place');
is(api(GET => '/api/auctions/c1')->{json}{status}, 'ended', 'for good');
is(said(post(event => 'ended')), '409 conflict', 'once');
ok($bob->no_event('auction:ended'), 'exactly');


# what the public may see

my $public = http();
$res = $public->get('/public/auctions/c1');
is($res->{status}, 200, 'GET without a key');
is($res->{json}{winner_bidder_number}, 1, 'tells the winner\'s number');
ok(!exists $res->{json}{winner_id}, 'and not the id');
is($public->get('/public/auctions/c1/bids')->{status}, 404, 'nor the bids');
is($public->post('/public/auctions/c1/end', {})->{status}, 404,
   'nor takes it orders');
is(http()->put('/api/auctions/x', \%terms)->{status}, 401,
   'without the key nothing changes');


# counters

my $text = http()->get('/metrics')->{body};
like($text, qr/^rtprop_auction_bids_total\{result="accepted"\} 9$/m,
     'bids are counted');
like($text, qr/^rtprop_auction_closed_total 2$/m, 'and ends');


done_testing();
