#!/usr/bin/perl

# A join never stands half: what the answer says could not be read, so the join
# is refused, nothing of the channel is heard, nobody sees who did not come, and
# a later join works.  A place that is not the channel's gets the state, also
# where the channel is joined already.

use strict;
use warnings;

use lib 't/lib', 't/auction';
use Auction;
use RTProp::Chat;
use RTProp::Gate;
use RTProp::Test;

my $gate = RTProp::Gate->new;
my $nginx = rtprop_nginx($gate->options, workers => 1,
    location => 'rtprop_rate message off; rtprop_rate other off;
                 rtprop_errors 1000/1m;');
my $foreign = '0123456789abcdef';

conversation('c1', 'ann', 'ben', 'cid');
api(PUT => '/api/properties/p1', { title => 'House', status => 'available',
                                   price => 100, agent_id => 'agi' });
auction('a1');

my $agent = client(user => 'agi', role => 'agent');
my $ann = client(user => 'ann');
my $joined = joins($ann, 'c1');
asks($ann, 'property:view', 'p1');
asks($ann, 'auction:join', 'a1');

my @said = map { says($ann, 'c1', "m$_")->{payload} } 1 .. 3;
my $ben = client(user => 'ben');
my $price = 100;


# A command is refused while the engine fails so; the gate's rule ends with it.

sub refused {
    my ($type, $payload, $name, @rule) = @_;

    $gate->set(@rule);
    error_is($ben, $type, $payload, 'unavailable', $name);
    $gate->clear($rule[0]);
}

# So is each of the channels of a resume, without a word beside the answer.

sub not_resumed {
    my ($channel, $name, @rule) = @_;
    my $place = { epoch => $foreign, offset => 1 };

    $ben->clear;
    $gate->set(@rule);
    my $answer = asks($ben, 'resume', { channels => { $channel => $place } });
    $gate->clear($rule[0]);

    is_deeply($answer->{payload}{channels}{$channel},
              { recovered => false, missed => undef, code => 'unavailable' },
              "$name: the resume is refused");
    is_deeply([map { $_->{type} } $ben->events], [], "$name: without a state");
}

# What is told in the channels now is heard by ann only.

sub deaf {
    my ($name) = @_;

    $ann->clear;
    $ben->clear;
    says($ann, 'c1', "after: $name") or diag("not said: $name");
    api(POST => '/api/broadcast/price-update',
        { property_id => 'p1', new_price => ++$price });
    api(POST => '/api/broadcast/auction',
        { auction_id => 'a1', event => 'announcement' });
    ok($ann->wait_for('property:price_updated'), "$name: others hear it");
    $ann->wait_for('auction:announcement');
    quiet_ok($ben, "$name: who was refused hears nothing");
}

sub viewers { api(GET => '/api/properties/p1/viewers')->{json}{count} }


# --------------------------------------------------------------------- chat

my $mark = 'mark:3:ben:conversation:c1';

for (['the read mark', get => 'f', $mark],
     ['no room for it', get => 'b', $mark],
     ['when somebody was last seen', get => 'f', 'seen:ann'])
{
    my ($name, @rule) = @$_;

    $ann->clear;
    refused('chat:join', 'c1', $name, @rule);
    is($ann->wait_for('chat:user_left')->{payload}{user_id}, 'ben',
       "$name: who came has left again");
    deaf($name);
}

# one message is not enough to count the unread ones
refused('chat:join', { conversation_id => 'c1', limit => 1 },
        'messages to be counted', history => 'pf', 'conversation:c1');
deaf('messages to be counted');

not_resumed('conversation:c1', 'messages', history => 'pf', 'conversation:c1');
not_resumed('conversation:c1', 'the mark', get => 'f', $mark);
deaf('a resume');
refused('chat:join', { conversation_id => 'c1', since => 1, epoch => $foreign },
        'messages instead', history => 'pf', 'conversation:c1');
deaf('messages instead');

error_is($ben, 'chat:leave', 'c1', 'not_joined', 'leaving');
error_is($ben, 'chat:send_message', { conversation_id => 'c1', content => 'x' },
         'not_joined', 'saying something');
$ann->clear;
ok(joins($ben, 'c1'), 'a later join works');
is($ann->wait_for('chat:user_joined')->{payload}{user_id}, 'ben',
   'and is told');
ok($ben->wait_for('chat:new_message'), 'with the messages');

# who is there already stays as he is

refused('chat:join', 'c1', 'joining again', get => 'f', $mark);
ok(says($ann, 'c1', 'still here'), 'one is refused');
ok(gets($ben, 'still here'), 'and hears what he heard before');
ok($ann->no_event(qr/^chat:user_/), 'of which nobody was told');


# ------------------------------------------- a foreign place, joined already

sub resumed {
    my (%place) = @_;
    my $answer = asks($ben, 'resume',
                      { channels => { 'conversation:c1' => \%place } });
    return $answer->{payload}{channels}{'conversation:c1'};
}

sub said { map { $_->{payload}{content} }
           grep { $_->{type} eq 'chat:new_message' } $_[0]->events }

my $last = says($ann, 'c1', 'last');
gets($ben, 'last');
my %here = (epoch => $joined->{epoch}, offset => $last->{offset});

for (['another epoch', { %here, epoch => $foreign }],
     ['no epoch', { %here, epoch => 'x' }],
     ['a place of the future', { %here, offset => 4000 }])
{
    my ($name, $place) = @$_;

    $ben->clear;
    is_deeply(resumed(%$place), { %here, recovered => false, missed => undef },
              "$name: not recovered");
    my ($state) = grep { $_->{type} eq 'chat:joined' } $ben->events;
    is_deeply([@{$state}{qw(epoch offset)}], [@here{qw(epoch offset)}],
              "$name: the state, and where it is");
    is_deeply([(said($ben))[0, -1]], ['m1', 'last'],
              "$name: and the last messages");
}

$ben->clear;
is_deeply(resumed(%here), { %here, recovered => true, missed => 0 },
          'where he stands');
is_deeply(resumed(%here, offset => 1), { %here, recovered => true,
          missed => 0 }, 'a place that he has passed');
quiet_ok($ben, 'bring nothing');

# what is said meanwhile comes after the state

$gate->set(get => 'h', $mark);
$ben->send_json('resume', { channels => { 'conversation:c1' => { %here,
                epoch => $foreign } } });
ok($gate->wait_lines(qr/ get \Q$mark\E \d+ h/), 'the state is being read');
says($ann, 'c1', 'meanwhile');
$gate->clear('get');
$ben->wait_for('resumed');
ok(says($ann, 'c1', 'on'), 'and when it was');
$ben->fence;
my ($first) = grep { $_->{type} =~ /^chat:(joined|new_message)$/ }
              $ben->events;
is($first->{type}, 'chat:joined', 'the state comes first');
is(join(' ', grep { /^(last|meanwhile|on)$/ } said($ben)), 'last meanwhile on',
   'then what was said meanwhile, once, and it goes on');

# refused, it hears on from where it stood

$gate->set(get => 'hf', $mark);
$ben->clear;
$ben->send_json('resume', { channels => { 'conversation:c1' => { %here,
                epoch => $foreign } } });
$gate->wait_lines(qr/ get \Q$mark\E \d+ h/, 2);
says($ann, 'c1', 'then');
$gate->set(get => 'f', $mark);
is($ben->wait_for('resumed')->{payload}{channels}{'conversation:c1'}{code},
   'unavailable', 'a state that cannot be read');
ok(gets($ben, 'then'), 'takes away nothing of what was heard before');

# who goes meanwhile has gone

$ann->clear;
$gate->set(get => 'h', $mark);
$ben->send_json('resume', { channels => { 'conversation:c1' => { %here,
                epoch => $foreign } } });
$gate->wait_lines(qr/ get \Q$mark\E \d+ h/, 3);
$ben->drop;
is($ann->wait_for('chat:user_left')->{payload}{user_id}, 'ben',
   'who goes in the middle of it has left');
$gate->clear('get');

# who comes while the channel is read anew has come, and may go

$ben = client(user => 'ben');
joins($ben, 'c1');
my $marks = $gate->lines(qr/ get \Q$mark\E \d+ h/);
$gate->set(get => 'h', $mark);
$ben->send_json('resume', { channels => { 'conversation:c1' => { %here,
                epoch => $foreign } } });
$gate->wait_lines(qr/ get \Q$mark\E \d+ h/, $marks + 1);
says($ann, 'c1', 'to be read');
$gate->set(history => 'php', 'conversation:c1');
$gate->clear('get');
ok($gate->wait_lines(qr/ history conversation:c1 \d+ h/, 1),
   'a channel is read again');

my @cid = map { client(user => 'cid') } 1 .. 2;
ok(joins($cid[0], 'c1'), 'who comes meanwhile');
is(asks($cid[0], 'chat:leave', 'c1')->{type}, 'ack', 'may leave');
is($ann->wait_for('chat:user_left')->{payload}{user_id}, 'cid', 'and has');
ok(joins($cid[1], 'c1'), 'who comes meanwhile');
$cid[1]->drop;
is($ann->wait_for('chat:user_left')->{payload}{user_id}, 'cid',
   'and is gone has left');
$gate->clear('history');
ok(gets($ben, 'to be read'), 'it is read');
$_->close for $ben, @cid;


# ----------------------------------------------------------------- property

$ben = client(user => 'ben');
$ann->clear;

for (['the state', get => 'f', 'property:p1'],
     ["the agent's", get => 'f', 'agent:agi'])
{
    my ($name, @rule) = @$_;

    refused('property:view', 'p1', $name, @rule);
    deaf($name);
    is(viewers(), 1, "$name: no ghost is counted");
    refused('property:subscribe', 'p1', $name, @rule);
    deaf("$name, watching");
    not_resumed('property:p1', $name, @rule);
    deaf("$name, resuming");
    is(viewers(), 1, "$name: nor then");
}

is(asks($ben, 'property:subscribe', 'p1')->{payload}{price}, $price,
   'a later one works');
refused('property:view', 'p1', 'a watcher', get => 'f', 'property:p1');
is(viewers(), 1, 'a watcher who was refused as a viewer is none');
error_is($ben, 'property:leave', 'p1', 'not_joined', 'a viewer who is none');
api(POST => '/api/broadcast/price-update', { property_id => 'p1',
                                             new_price => ++$price });
is($ben->wait_for('property:price_updated')->{payload}{new_price}, $price,
   'but still a watcher');
my $state = asks($ben, 'property:view', 'p1');
is($state->{payload}{viewer_count}, 2, 'and may become a viewer');
is($state->{payload}{agent}{status}, 'online', 'and see the agent');

$ben->clear;
my $answer = asks($ben, 'resume', { channels => { 'property:p1' => {
                  epoch => $foreign, offset => 1 } } })->{payload}{channels};
is($answer->{'property:p1'}{recovered}, false, 'a foreign place, joined');
is_deeply([map { "$_->{type} $_->{payload}{price}" } $ben->events],
          ["property:state $price"], 'the state');
asks($ben, 'property:leave', 'p1');
asks($ben, 'property:unsubscribe', 'p1');


# ------------------------------------------------------------------ auction

# the bidder is registered; then the state cannot be read
sub unread {
    my ($ws, $type, $payload) = @_;

    $ws->clear;
    $gate->set(put => 'h', 'auction:a1');
    my $puts = $gate->lines(qr/ put auction:a1 \d+ h/);
    $ws->send_json($type, $payload, 'unread');
    $gate->wait_lines(qr/ put auction:a1 \d+ h/, $puts + 1);
    $gate->set(get => 'f', 'auction:a1');
    $gate->clear('put');
    my $answer = $ws->wait_for(qr/^(error|resumed|auction:state)$/);
    $gate->clear('get');

    return $answer;
}

$ann->clear;
is(unread($ben, 'auction:join', 'a1')->{payload}{code}, 'unavailable',
   'an auction: unavailable');
is($ann->wait_for('auction:bidder_joined')->{payload}{bidder_count}, 2,
   'who came');
is($ann->wait_for('auction:bidder_left')->{payload}{bidder_count}, 1,
   'has left again');
deaf('an auction');
is(codes($ben, a1 => 5000), 'not_joined', 'who is not there cannot bid');

my $cid = client(user => 'cid');
$answer = unread($cid, 'resume', { channels => { 'auction:a1' => {
                 epoch => $foreign, offset => 1 } } });
is_deeply($answer->{payload}{channels}{'auction:a1'},
          { recovered => false, missed => undef, code => 'unavailable' },
          'a resume is refused');
is_deeply([grep { /^auction:/ } map { $_->{type} } $cid->events], [],
          'without a state');
$ann->wait_for('auction:bidder_left');
$state = asks($ben, 'auction:join', 'a1');
is($state->{payload}{active_bidders}, 2, 'a later join works');
is($state->{payload}{bidder_number}, 2, 'by the number of the first');
is(codes($ben, a1 => 5000), 'accepted', 'and may bid');

$ben->clear;
$answer = asks($ben, 'resume', { channels => { 'auction:a1' => {
               epoch => $foreign, offset => 1 } } })->{payload}{channels};
is($answer->{'auction:a1'}{recovered}, false, 'a foreign place, joined');
my ($got) = grep { $_->{type} eq 'auction:state' } $ben->events;
is($got->{payload}{auction}{current_price}, 5000, 'the state');


# ------------------------------------------------ presence and notifications

refused('presence:check_agent', 'agi', 'an agent', get => 'f', 'agent:agi');
refused('presence:check_agent', 'agi', 'who cannot be counted',
        members => 'f', '$users');
is(asks($ben, 'presence:check_agent', 'agi')->{payload}{status}, 'online',
   'is not offline');
refused('notification:list', {}, 'notifications', get => 'f',
        'notifications:ben');
is_deeply(asks($ben, 'notification:list', {})->{payload}{notifications}, [],
          'are not none');


done_testing();
