#!/usr/bin/perl

# A little of everything in one process that is master and worker: what
# "make valgrind" runs on an nginx under memcheck.

use strict;
use warnings;

use lib 't/lib', 't/auction';
use RTProp::Chat;
use RTProp::Deflate;
use RTProp::Test;
use Auction;

my $nginx = rtprop_nginx(single => 1,
                         location => 'rtprop_compression on threshold=64;');


# native chat

conversation('c1', 'ann', 'ben');

my $ann = client(user => 'ann', name => 'Ann');
my $ben = client(user => 'ben', name => 'Ben');

ok(joins($_, 'c1'), 'joined') for $ann, $ben;
is(says($ann, 'c1', 'Hello')->{payload}{content}, 'Hello', 'a message');
ok(gets($ben, 'Hello'), 'and the other one has it');

$ben->send_json('chat:typing_start', { conversation_id => 'c1' });
ok($ann->wait_for('chat:user_typing'), 'typing');
is(asks($ann, 'no:such', {})->{type}, 'error', 'an unknown command');

$ann->send_frame(9, 'p');
$ann->send_text("\xff");
is(($ann->wait_close)[0], 1007, 'what is no UTF-8 closes');

my $again = client(user => 'ann');
ok(joins($again, 'c1'), 'she is back');


# property and auction

api(PUT => '/api/properties/p1', { title => 'Canal house', price => 45000000,
                                   status => 'available', agent_id => 'a1' });

$ben->send_json('property:view', { property_id => 'p1' });
ok($ben->wait_for('property:state'), 'a property');
api(PUT => '/api/properties/p1', { title => 'Canal house', price => 44000000,
                                   status => 'available', agent_id => 'a1' });
ok($ben->wait_for(qr/^property:price/), 'its price changes');

is(auction(a1 => ())->{status}, 201, 'an auction');
my $cleo = joined(cleo => 'a1');
is(codes($cleo, a1 => 1100), 'accepted', 'a bid');
isnt(codes($cleo, a1 => 900), 'accepted', 'one that is too low');
is(act(a1 => 'cancel')->{status}, 200, 'cancelled');
ok($cleo->wait_for('auction:ended'), 'and ended');


# notification, publish, compression

my $tight = client(user => 'dan', headers => [offer('permessage-deflate')],
                   welcome => 0);
my $pmd = RTProp::Deflate->new($tight);
ok($pmd, 'compression is agreed on');

is(api(POST => '/api/publish', { channel => 'user:dan', type => 'x:y',
                                 payload => { text => 'abc ' x 100 } })
       ->{status}, 200, 'published');

my $message;
do { $message = $pmd->recv } until !$message || $message->{payload} =~ /"x:y"/;
ok($message && $message->{packed}, 'and comes compressed');

is(http()->get('/health')->{status}, 200, 'health');
like(http()->get('/metrics')->{body}, qr/^rtprop_/m, 'metrics');
is(api(GET => '/api/nothing')->{status}, 404, 'what is not there');
is(api(POST => '/api/publish', '{"a":', 'Content-Type' => 'application/json')
       ->{status}, 400, 'no JSON');

done_testing();
