#!/usr/bin/perl

# The embedded engine with a database: after a full stop of nginx all is there,
# and what is to come still comes.

use strict;
use warnings;

use lib 't/lib', 't/auction';
use Auction;
use RTProp::Chat;
use RTProp::Postgres;
use RTProp::Test;

my $pg = RTProp::Postgres->new;
$pg->start;
$pg->migrate;

my $nginx = rtprop_nginx(workers => 2,
    http => "rtprop_zone rtprop 16m;\nrtprop_drain 0;\n"
            . 'rtprop_postgres "' . $pg->conninfo . "\";\n",
    location => 'rtprop_rate message off; rtprop_rate bid off; '
                . 'rtprop_rate other off; rtprop_user_connections 20;');

sub again {
    my ($signal) = @_;
    $nginx->stop($signal);
    $nginx->start;
}

sub metric {
    my ($value) = http()->get('/metrics')->{body} =~ /^\Q$_[0]\E (\d+)/m;
    return $value;
}


# ------------------------------------------------------------------- before

conversation('c1', { id => 'ann', name => 'Ann' }, 'ben');
api(PUT => '/api/properties/p1', { title => 'Canal house', price => 500,
    status => 'available', agent_id => 'kate' });

my $ann = client(user => 'ann', name => 'Ann');
my $ben = client(user => 'ben');
my $place = joins($ann, 'c1');
joins($ben, 'c1');

my $first = says($ann, 'c1', 'one', client_message_id => 'k1',
                 attachments => ['https://a.example/x.png']);
is($pg->sql('SELECT content || sender_name || client_message_id FROM '
            . 'rtprop.message'), 'oneAnnk1',
   'a message is in its table when it is heard');
says($ann, 'c1', "n$_") for 1 .. 9;
my $read = gets($ben, 'n3');
is(asks($ben, 'chat:mark_read', { conversation_id => 'c1',
        message_id => $read->{payload}{id} })->{type}, 'ack', 'read so far');
is($pg->sql('SELECT user_id, message_id FROM rtprop.receipt'),
   "ben|$read->{payload}{id}", 'which is in its table, too');
my $last = says($ann, 'c1', 'last');
my $epoch = $place->{epoch};
is($epoch, $pg->sql("SELECT value FROM rtprop.meta WHERE name = 'epoch'"),
   'the epoch is the database\'s');
is($last->{offset}, 12, 'and it counts');

auction('a1', ends_in => 6000, extend_window_ms => 0);
auction('a2');
my $bea = joined(bea => 'a1');
is(codes($bea, a1 => 1100), 'accepted', 'a bid');
is(codes($bea, a1 => 1200), 'already_highest', 'another one');
my $cid = joined(cid => 'a1');
is(codes($cid, a1 => 1150), 'below_minimum', 'too little');
is(codes($cid, a1 => 1300), 'accepted', 'and more');

my $res = api(POST => '/api/broadcast/notification', { user_id => 'ann',
    kind => 'custom', title => 'Now' });
is($res->{status}, 200, 'a notification');
$res = api(POST => '/api/broadcast/notification', { user_id => 'ann',
    kind => 'custom', title => 'Later',
    deliver_at => iso(now_ms() + 3000) });
is($res->{json}{scheduled}, 1, 'and one to come');
is($pg->sql('SELECT count(*) FROM rtprop.job'), 1, 'is a job');

ok($ann->wait_for('notification'), 'the first one came');
my $bids = $bea->{state};


# -------------------------------------------------------------------- after

again('KILL');

$ann = client(user => 'ann', name => 'Ann');
$ann->send_json('resume', { channels => {
    'conversation:c1' => { epoch => $epoch, offset => 3 } } }, 1);
my $back = $ann->wait_for('resumed')->{payload}{channels}{'conversation:c1'};
is($back->{recovered}, true, 'the old place is known');
is($back->{missed}, 9, 'and how much was missed');
is_deeply([map { $_->{payload}{content} // $_->{type} }
           grep { $_->{type} =~ /^chat:(new_mess|messages_r)/ } $ann->events],
          ['n3', 'n4', 'n5', 'n6', 'n7', 'n8', 'n9', 'chat:messages_read',
           'last'], 'in order');
$ann->clear;

my $page = asks($ann, 'chat:history', { conversation_id => 'c1',
                                        limit => 3 });
is_deeply([map { $_->{content} } @{$page->{payload}{messages}}],
          [qw(n8 n9 last)], 'a page');
is($page->{payload}{has_more}, true, 'there is more');
$page = asks($ann, 'chat:history', { conversation_id => 'c1', limit => 50,
    before => $page->{payload}{messages}[0]{id} });
is_deeply([map { $_->{content} } @{$page->{payload}{messages}}],
          ['one', map { "n$_" } 1 .. 7], 'the page before');
is($page->{payload}{has_more}, false, 'and that is all');
is_deeply($page->{payload}{messages}[0], $first->{payload},
          'a message as it was sent');

$ben = client(user => 'ben');
my $joined = joins($ben, 'c1');
is($joined->{payload}{unread_count}, 7, 'unread ones are counted');
is($joined->{payload}{participants}[0]{name}, 'Ann', 'participants');
is($joined->{epoch}, $epoch, 'the epoch is the same');
is($joined->{offset}, 12, 'and so is the place');

my $ack = asks($ann, 'chat:send_message', { conversation_id => 'c1',
    content => 'one', client_message_id => 'k1' });
is($ack->{payload}{message_id}, $first->{payload}{id},
   'a message sent again is the first one');
is($pg->sql('SELECT count(*) FROM rtprop.message'), 11, 'and there is one');
is(says($ann, 'c1', 'live')->{offset}, 13, 'it goes on');
ok(gets($ben, 'live'), 'for both');

is(api(GET => '/api/properties/p1')->{json}{title}, 'Canal house',
   'a property');
is(api(GET => '/api/properties/p1')->{json}{version}, 1, 'and its version');

$bea = joined(bea => 'a1');
is($bea->{state}{payload}{your_bidder_number}, 1, 'a bidder has her number');
is($bea->{state}{payload}{auction}{current_price}, 1300, 'the price');
is_deeply([map { "$_->{amount} $_->{user_id}" }
           @{api(GET => '/api/auctions/a1/bids')->{json}{bids}}],
          ['1300 cid', '1100 bea'], 'all bids');

my $list = asks($ann, 'notification:list', {});
is($list->{payload}{notifications}[0]{title}, 'Now', 'a notification');
is($list->{payload}{unread_count}, 1, 'is unread');
is($ann->wait_for('notification')->{payload}{title}, 'Later',
   'the other one comes when it is due');

my $end = $bea->wait_for('auction:ended');
is($end->{payload}{winning_bid} // $end->{payload}{final_price}, 1300,
   'an auction ends by itself');
is($pg->sql("SELECT status FROM rtprop.auction WHERE id = 'a1'"), 'ended',
   'as the database knows');
ok($nginx->wait_until(sub { $pg->sql('SELECT count(*) FROM rtprop.job') == 0 }),
   'no job is left');

# columns are found in the text, whatever somebody has written there

auction('a3', starting_price => 700, property_title =>
        '"status":"cancelled","price":7,"starts_at":1,"ends_at":2,"recent":');
is($pg->sql("SELECT status, price, starts_at_ms, ends_at_ms FROM "
            . "rtprop.auction WHERE id = 'a3'"),
   $pg->sql("SELECT v->>'status', v->>'price', v->>'starts_at', v->>'ends_at' "
            . "FROM rtprop.auction, LATERAL (SELECT split_part(value, E'\\n', "
            . "1)::json) AS j (v) WHERE id = 'a3'"),
   'columns follow from the document');
like($pg->sql("SELECT status, price FROM rtprop.auction WHERE id = 'a3'"),
     qr/^(scheduled|live)\|700$/, 'as it is');


# --------------------------------------------------------------- the audit

is($pg->sql('SELECT count(*) FROM rtprop.bid'), 4, 'every bid is written down');
is($pg->sql('SELECT user_id, amount, accepted, code FROM rtprop.bid '
            . 'ORDER BY id'),
   "bea|1100|t|\nbea|1200|f|already_highest\ncid|1150|f|below_minimum\n"
   . 'cid|1300|t|', 'with what became of it');

like($pg->sql($_, may => 1), qr/is not allowed/, $_)
    for 'UPDATE rtprop.bid SET amount = 1', 'DELETE FROM rtprop.bid',
        'TRUNCATE rtprop.bid';

is($pg->sql('SELECT count(*) FROM rtprop.bid'), 4, 'none has gone');
is(metric('rtprop_auction_unaudited_total'), 0, 'none was left out');

# a refusal that can't be written is not said

$nginx->allow(qr/refused query auction_bid_refuse: /);

auction('a2');
my $dan = joined(dan => 'a2');
$pg->sql('ALTER TABLE rtprop.bid ADD CONSTRAINT bid_full CHECK (accepted) NOT '
         . 'VALID');
is(codes($dan, a2 => 1050), 'unavailable', 'no judgement without its record');
is(metric('rtprop_auction_unaudited_total'), 1, 'which is counted');
is(codes($dan, a2 => 1100), 'accepted', 'accepted bids have their own');

$pg->sql('ALTER TABLE rtprop.bid DROP CONSTRAINT bid_full');
is(codes($dan, a2 => 1150), 'already_highest', 'a refusal is said');
is($pg->sql("SELECT code FROM rtprop.bid WHERE amount = 1150 "
            . "AND auction_id = 'a2'"), 'already_highest',
   'when it is written down');

# two machines may give one id: each bid is there, once

for (1, 2) {
    $pg->sql("SELECT rtprop.auction_bid_refuse(ARRAY['a9'], "
             . "ARRAY[5]::bigint[], ARRAY['$_'], ARRAY[7]::bigint[], "
             . "ARRAY[''], "
             . "ARRAY['below_minimum'], ARRAY[1]::bigint[], "
             . 'ARRAY[1]::bigint[])') for qw(eva fay eva fay);
}

is($pg->sql("SELECT id, user_id FROM rtprop.bid WHERE auction_id = 'a9' "
            . 'ORDER BY id'), "5|eva\n6|fay", 'two bids with one id');


# -------------------------------------------------- history behind the engine's

ok(says($ann, 'c1', "m$_"), "m$_") for 1 .. 150;
again('QUIT');

$ann = client(user => 'ann');
$ann->send_json('resume', { channels => {
    'conversation:c1' => { epoch => $epoch, offset => 0 } } }, 1);
$back = $ann->wait_for('resumed')->{payload}{channels}{'conversation:c1'};
is($back->{recovered}, true, 'from the first event on');
is_deeply([map { $_->{offset} }
           grep { $_->{type} =~ /^chat:(new_mess|messages_r)/ } $ann->events],
          [1 .. 163], 'all of them, each once');

SKIP: {
    skip 'Redis has kept them', 1 if $nginx->engine;
    cmp_ok(metric('rtprop_durable_history_total'), '>=', 1,
           'which the database had');
}

done_testing();
