#!/usr/bin/perl

# Two instances, as two machines, on one Redis: one server to whoever connects.

use strict;
use warnings;

use lib 't/lib', 't/auction';
use Auction;
use RTProp::Chat;
use RTProp::Redis;
use RTProp::Test;

my $redis = RTProp::Redis->new->start;
my %opt = (redis => $redis, workers => 2,
           prefix => "rtprop_presence_lease 3s;\n",
           location => 'rtprop_rate bid off; rtprop_rate message off;');
my ($a, $b) = map { rtprop_nginx(%opt) } 1 .. 2;


# ---- chat across

conversation('c1', qw(ann ben));
my $ann = client(nginx => $a, user => 'ann', name => 'Ann');
my $ben = client(nginx => $b, user => 'ben');
my $joined = joins($ben, 'c1');
joins($ann, 'c1');
is($ben->wait_for('chat:user_joined')->{payload}{user_id}, 'ann',
   'who joins there is seen here');

my $said = says($ann, 'c1', 'from A');
is_deeply(gets($ben, 'from A'), $said, 'what is said there is heard here');
is(says($ben, 'c1', 'from B')->{offset}, $said->{offset} + 1,
   'in one order');
ok(gets($ann, 'from B'), 'and back');

$ann->send_json('chat:typing', { conversation_id => 'c1', is_typing => true });
ok($ben->wait_for('chat:user_typing'), 'typing');

my $back = client(nginx => $a, user => 'ben');
my $place = { epoch => $joined->{epoch}, offset => $joined->{offset} };
my $resumed = asks($back, 'resume', { channels => { 'conversation:c1' =>
                                                    $place } });
is_deeply([@{$resumed->{payload}{channels}{'conversation:c1'}}
             {qw(recovered missed)}], [true, 2],
          'what was missed at B is resumed at A');
$back->close;


# ---- messages from both sides at once: one order for all

my @senders = ([$ann, 'A'], [$ben, 'B']);
for my $n (1 .. 50) {
    $_->[0]->send_json('chat:send_message', { conversation_id => 'c1',
        content => "$_->[1] $n" }) for @senders;
}

my @heard = map {
    my $ws = $_->[0];
    [map { $ws->wait_for('chat:new_message') } 1 .. 100];
} @senders;
is_deeply($heard[0], $heard[1], 'both hear the same in the same order');
for my $i (0, 1) {
    is_deeply([map { $_->{payload}{content} =~ /^$senders[$i][1] (\d+)/ }
               @{$heard[0]}], [1 .. 50], "in which $senders[$i][1] said it");
}


# ---- metrics: what Redis has for all instances is not an instance's

for ($a, $b) {
    my @shown = http(nginx => $_)->get('/metrics')->{body}
                =~ /^# TYPE rtprop_engine_(\w+)/mg;
    is_deeply([sort grep { /^(channels|history_events|jobs_waiting)$/ }
               @shown], ['channels'], 'no figures that would be wrong');
}


# ---- exclude_session, wherever it is

my $event = { type => 'chat:note', channel => 'conversation:c1',
              payload => { n => 1 } };
api(POST => '/api/publish', { %$event,
    exclude_session => $ann->{welcome}{payload}{session_id} });
ok($ben->wait_for('chat:note'), 'posted at B, heard at B');
api(POST => '/api/publish', { %$event, type => 'chat:more' });
is($ann->wait_for(qr/^chat:(note|more)/)->{type}, 'chat:more',
   'and not by the one at A that is excluded');


# ---- viewers

my @viewers = map { client(nginx => $_->[0], user => $_->[1]) }
              [$a, 'v1'], [$b, 'v2'], [$b, 'v3'];
$_->send_json('property:view', 'p1') for @viewers;
ok($_->wait_for('property:viewer_count',
                sub { $_[0]{payload}{count} == 3 }), 'viewers are counted')
    for @viewers;
is(api(GET => '/api/properties/p1/viewers')->{json}{count}, 3, 'by HTTP, too');
ok($viewers[1]->close, 'one goes at B');
ok($viewers[0]->wait_for('property:viewer_count',
                         sub { $_[0]{payload}{count} == 2 }), 'A knows');


# ---- bids

auction('a1');
my @bidders = (joined(ann => 'a1', nginx => $a), joined(ben => 'a1',
               nginx => $b), joined(cat => 'a1', nginx => $b));
my $price = 1000;

for my $n (1 .. 20) {
    bid($bidders[$n % 3], a1 => $price += 100);
}

my @bids = map {
    my $ws = $_;
    [map { my $e = $ws->wait_for('auction:new_bid');
           "$e->{offset} $e->{payload}{bid}{amount}" } 1 .. 20];
} @bidders;
is_deeply($bids[$_], $bids[0], 'the same bids in the same order') for 1, 2;
my ($refused, $type) = bid($bidders[0], a1 => $price);
is($refused->{code}, 'below_minimum', 'judged by what the other one knows');
ok($bidders[1]->wait_for('auction:outbid'), 'who is outbid is told there');


# ---- users: connections and kick

is(scalar @{api(GET => '/api/users/ann/connections')->{json}{connections}}, 2,
   'connections of a user at the other one');
is(api(DELETE => '/api/users/ann/connections')->{json}{closed}, 2, 'kicked');
is(($ann->wait_close)[0], 1008, 'at A by B');
is(($bidders[0]->wait_close)[0], 1008, 'all of them');


# ---- an instance is killed: its users go with its lease

my $agent = client(nginx => $a, user => 'agent1', role => 'agent',
                   claims => { property_ids => ['p1'] });
ok($viewers[2]->wait_for('presence:agent_status', sub {
    $_[0]{payload}{status} eq 'online' }), 'an agent at A is seen at B');

$a->allow(qr/./);
$a->stop('KILL');

ok($viewers[2]->wait_for('property:viewer_count',
                         sub { $_[0]{payload}{count} == 1 }, 15),
   'the dead ones are counted no more');
ok($viewers[2]->wait_for('presence:agent_status', sub {
    $_[0]{payload}{status} eq 'offline' }, 15), 'the agent is gone');
ok($b->wait_until(sub {
    !@{api(GET => '/api/users/v1/connections')->{json}{connections}}
}), 'and so are connections');
ok(says($ben, 'c1', 'still here'), 'it goes on here');

done_testing();
