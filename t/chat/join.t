#!/usr/bin/perl

# chat:join and chat:leave: who may, what the answer says, what is replayed.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Chat;
use RTProp::Test;

my $nginx = rtprop_nginx(reuseport => 1, location => 'rtprop_rate message off;
                                             rtprop_rate other off;
                                             rtprop_errors 1000/1m;');
my @workers = $nginx->workers;

conversation('c1', { id => 'ann', name => 'Ann' }, 'ben', 7);

my $ann = client(user => 'ann', name => 'Anna', worker => $workers[0]);
my $ben = client(user => 'ben', name => 'Ben', worker => $workers[1]);
my $eve = client(user => 'eve', worker => $workers[2]);


# the answer

my $joined = asks($ann, 'chat:join', { conversation_id => 'c1' });
my %ids = map { $_->{id} => $_ } @{$joined->{payload}{participants}};

is($joined->{type}, 'chat:joined', 'a participant joins');
is($joined->{channel}, 'conversation:c1', 'the answer names the channel');
like($joined->{epoch}, qr/^[0-9a-f]{16}$/, 'its epoch');
is($joined->{offset}, 0, 'and where it stands');
is($joined->{payload}{conversation_id}, 'c1', 'conversation_id');
is($joined->{payload}{participant_count}, 3, 'participant_count');
is($joined->{payload}{unread_count}, 0, 'unread_count');
is($joined->{payload}{last_message_id}, undef, 'no last message yet');
is_deeply([sort keys %ids], ['7', 'ann', 'ben'], 'participants');
is_deeply([sort keys %{$ids{ann}}], [qw(id last_seen name online)],
          'what is told of each');
is($ids{ann}{name}, 'Ann', 'a name of the resource comes before the token\'s');
is_deeply([map { $ids{$_}{online} ? 1 : 0 } 'ann', 'ben', '7'], [1, 1, 0],
          'who is online, on whatever worker');

$joined = asks($ben, 'join_conversation', 'c1');
is($joined->{type}, 'chat:joined', 'the alias, and a bare id');
%ids = map { $_->{id} => $_ } @{$joined->{payload}{participants}};
is($ids{ben}{name}, 'Ben', 'a name that the resource lacks is the token\'s');
is($ids{7}{name}, '7', 'and the id where nobody knows one');
is($ann->wait_for('chat:user_joined')->{payload}{user_id}, 'ben',
   'the others hear of it');

my $seven = client(user => '7');
is(asks($seven, 'chat:join', { conversationId => 'c1' })->{type},
   'chat:joined', 'a key in camelCase; an integer in the resource is an id');
is(asks($seven, 'chat:join', { id => 'c1' })->{type}, 'chat:joined',
   'or just "id"');

conversation(12, '7');
is(asks($seven, 'chat:join', { conversation_id => 12 })->{type},
   'chat:joined', 'an integer as id');
is(asks($seven, 'chat:join', 12)->{payload}{conversation_id}, '12',
   'a bare one, too; it goes out as text');


# refusals

$ann->fence;
$ann->clear;

error_is($eve, 'chat:join', 'c1', 'not_authorized', 'a stranger');
error_is($eve, 'chat:join', 'c9', 'not_found', 'an unknown conversation');

for ([{}, 'conversation_id'],
     [{ conversation_id => '' }, 'conversation_id'],
     [{ conversation_id => 'x' x 129 }, 'conversation_id'],
     [{ conversation_id => [] }, 'conversation_id'],
     [{ conversation_id => 1.5 }, 'conversation_id'],
     [{ conversation_id => undef }, 'conversation_id'],
     [{ conversation_id => 'c1', limit => 0 }, 'limit'],
     [{ conversation_id => 'c1', limit => 101 }, 'limit'],
     [{ conversation_id => 'c1', limit => 'x' }, 'limit'],
     [{ conversation_id => 'c1', since => -1, epoch => 'x' }, 'since'],
     [{ conversation_id => 'c1', since => 1, epoch => 5 }, 'epoch'])
{
    my ($payload, $field) = @$_;
    my $error = error_is($ann, 'chat:join', $payload, 'invalid_payload',
                         "a bad $field");
    is($error->{field}, $field, 'the field is named');
}

quiet_ok($ann, 'nobody hears of a stranger');


# claims of the token

my $claim = client(user => 'cleo', name => 'Cleo',
                   claims => { conversations => ['k1', 5] });
is(asks($claim, 'chat:join', 'k1')->{type}, 'chat:joined',
   'the token names the conversation, which comes to be');
is(asks($claim, 'chat:join', 5)->{type}, 'chat:joined',
   'also by an integer');
error_is($eve, 'chat:join', 'k1', 'not_authorized', 'but not for others');
is_deeply([map { $_->{id} }
           @{api(GET => '/api/conversations/k1')->{json}{participants}}],
          ['cleo'], 'she is a participant from then on');

my $later = client(user => 'cleo');
is(asks($later, 'chat:join', 'k1')->{payload}{participants}[0]{name}, 'Cleo',
   'even with a token without the claim; her name is known');


# what is replayed

my @sent = map { says($ann, 'c1', "m$_") } 1 .. 60;
$_->clear for $ann, $ben, $seven;

my $dan = client(user => 'ann', worker => $workers[3]);
$joined = joins($dan, 'c1');
is($joined->{offset}, 60, 'the answer says where the channel stands');
is($joined->{payload}{last_message_id}, $sent[59]{payload}{id},
   'and the last message');
is($joined->{payload}{unread_count}, 0, 'one\'s own messages are read');
my @got = map { $dan->wait_for('chat:new_message') } 1 .. 50;
is_deeply([map { $_->{payload}{content} } @got], [map { "m$_" } 11 .. 60],
          'the last 50 come, in order');
is_deeply($got[0], $sent[10], 'as they came live');
quiet_ok($dan, 'and no more');

$joined = joins($dan, 'c1');
is($joined->{offset}, 60, 'joining again is answered');
quiet_ok($dan, 'and replays nothing');
is($joined->{payload}{participant_count}, 3, 'with all there is to know');

sub fresh {
    my (%opt) = @_;
    $dan->close;
    $dan = client(user => 'ben', worker => $workers[3]);
    $joined = joins($dan, 'c1', %opt);
    $dan->fence;
    my @events = map { $_->{payload}{content} }
                 grep { $_->{type} eq 'chat:new_message' } $dan->events;
    return \@events;
}

is_deeply(fresh(limit => 3), ['m58', 'm59', 'm60'], 'limit');
is($joined->{payload}{unread_count}, 60, 'all of the others are unread');

my $epoch = $joined->{epoch};
is_deeply(fresh(since => 57, epoch => $epoch), ['m58', 'm59', 'm60'],
          'since and epoch');
is_deeply(fresh(since => 0, epoch => $epoch), [map { "m$_" } 1 .. 60],
          'from the beginning');
is_deeply(fresh(since => 60, epoch => $epoch), [], 'nothing was missed');
is($joined->{payload}{last_message_id}, $sent[59]{payload}{id},
   'the last message is known all the same');
is($joined->{payload}{unread_count}, 60, 'and what is unread');
is_deeply(fresh(since => 57, epoch => '0123456789abcdef', limit => 2),
          ['m59', 'm60'], 'an unknown epoch: the last messages');
is_deeply(fresh(since => 61, epoch => $epoch, limit => 2), ['m59', 'm60'],
          'a place that was not yet reached: the same');
is_deeply(fresh(since => 57, epoch => 'nonsense', limit => 1), ['m60'],
          'nonsense for an epoch: the same');
is_deeply(fresh(since => 57, limit => 1), ['m60'],
          'since says nothing without an epoch');


# leaving

is(asks($ben, 'chat:leave', { conversation_id => 'c1' })->{type}, 'ack',
   'leave is acknowledged');
error_is($ben, 'chat:leave', 'c1', 'not_joined', 'leaving once more');
error_is($ben, 'chat:leave', 'c9', 'not_joined', 'leaving an unknown one');
error_is($ben, 'chat:leave', {}, 'invalid_payload', 'leaving nothing');

$ben->clear;
says($ann, 'c1', 'after');
quiet_ok($ben, 'who has left hears nothing');

joins($ben, 'c1', limit => 1);
ok(gets($ben, 'after'), 'and may come back');


done_testing();
