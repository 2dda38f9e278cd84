#!/usr/bin/perl

# chat:mark_read and unread_count, chat:history, messages over HTTP.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Chat;
use RTProp::Test;

my $nginx = rtprop_nginx(reuseport => 1, location => 'rtprop_rate message off;
                                             rtprop_rate other off;
                                             rtprop_errors 1000/1m;');
my @workers = $nginx->workers;

conversation('c1', 'ann', 'ben', 'cleo');

my $version = api(GET => '/api/conversations/c1')->{json}{version};

my $ann = client(user => 'ann', worker => $workers[0]);
my $ben = client(user => 'ben', worker => $workers[1]);
my $ben2 = client(user => 'ben', worker => $workers[2]);
my $eve = client(user => 'eve', worker => $workers[3]);

joins($_, 'c1') for $ann, $ben, $ben2;

my @ids = map { says($ann, 'c1', "m$_")->{payload}{id} } 1 .. 10;
my $own = says($ben, 'c1', 'of ben')->{payload}{id};
gets($ben2, 'of ben');
gets($ann, 'of ben');
$_->fence && $_->clear for $ann, $ben, $ben2;


# read marks

sub unread {
    my ($user) = @_;
    my $c = client(user => $user);
    my $joined = joins($c, 'c1', limit => 1);
    $c->close;
    $_->fence && $_->clear for $ann, $ben, $ben2;
    return $joined->{payload}{unread_count};
}

is(unread('ben'), 10, 'unread are the messages of the others');
is(unread('ann'), 1, 'each user has others');

is(asks($ben, 'chat:mark_read', { conversation_id => 'c1',
        message_id => $ids[3] })->{type}, 'ack', 'a mark is acknowledged');

my $event = $ann->wait_for('chat:messages_read');
my $read = $event->{payload};
is_deeply([sort keys %$read], [sort qw(conversation_id message_id
          up_to_message_id last_message_id read_by user_id read_at)], 'keys');
is_deeply([@{$read}{qw(message_id up_to_message_id last_message_id)}],
          [($ids[3]) x 3], 'the message, thrice');
is_deeply([@{$read}{qw(read_by user_id)}], ['ben', 'ben'], 'who, twice');
like($read->{read_at}, qr/^\d{4}-.*\.\d{3}Z$/, 'when');
is($event->{offset}, 12, 'the event is reliable');
is_deeply($ben2->wait_for('chat:messages_read'), $event,
          'the reader\'s other connection hears it');
ok($ben->no_event('chat:messages_read'), 'the one that read does not');
is(unread('ben'), 6, 'what is after the mark is unread');

is(asks($ben, 'mark_as_read', { conversation_id => 'c1',
        message_id => $ids[3] })->{type}, 'ack', 'the same mark: acknowledged');
is(asks($ben2, 'mark_as_read', { conversation_id => 'c1',
        last_message_id => $ids[1] })->{type}, 'ack', 'an older one, too');
quiet_ok($ann, 'but a mark never goes back');
is(unread('ben'), 6, 'nor does the count');

is(asks($ben2, 'mark_as_read', { conversationId => 'c1',
        upToMessageId => $ids[8] })->{type}, 'ack',
   'the alias, the other names, camelCase');
is($ann->wait_for('chat:messages_read')->{payload}{message_id}, $ids[8],
   'it is told');
is(unread('ben'), 1, 'one is left');
is(asks($ben, 'chat:mark_read', { conversation_id => 'c1',
        last_message_id => $own })->{type}, 'ack', 'the last');
is(unread('ben'), 0, 'none');
is(unread('ann'), 1, 'others have their own marks');

is(api(GET => '/api/conversations/c1')->{json}{version}, $version,
   'reading does not change the resource');

for ([{}, 'conversation_id'], [{ conversation_id => 'c1' }, 'message_id'],
     [{ conversation_id => 'c1', message_id => {} }, 'message_id'],
     ['c1', 'payload'])
{
    my ($payload, $field) = @$_;
    is(error_is($ann, 'chat:mark_read', $payload, 'invalid_payload',
                "a bad $field")->{field} // 'payload', $field, 'its field');
}

my %mark = (conversation_id => 'c1', message_id => $ids[0]);
error_is($ann, 'chat:mark_read', { %mark, message_id => 'x' }, 'not_found',
         'what is no message');
error_is($ann, 'chat:mark_read', { %mark, message_id => '9' x 18 },
         'not_found', 'a message of the future');

# ids beside those of messages, in the conversation and in others

conversation('c2', 'ann');
joins($ann, 'c2');
error_is($ann, 'chat:mark_read', { %mark, conversation_id => 'c2' },
         'not_found', 'a message of another conversation, in an empty one');
my $other = says($ann, 'c2', 'in another')->{payload}{id};
$_->fence && $_->clear for $ann, $ben;

for (['before all', "$ids[0]" - 1], ['in between', "$ids[4]" + 1],
     ['after all', "$own" + 1], ['of another conversation', $other], ['one', 1])
{
    my ($name, $id) = @$_;
    error_is($ann, 'chat:mark_read', { %mark, message_id => "$id" },
             'not_found', "an id $name");
}

quiet_ok($ben, 'nobody hears of what was refused');
is(unread('ann'), 1, 'nor does it count');
is(asks($ann, 'chat:mark_read', { %mark })->{type}, 'ack',
   'a message that is there is marked');
$_->fence && $_->clear for $ann, $ben, $ben2;

error_is($eve, 'chat:mark_read', { %mark }, 'not_joined', 'a stranger');
error_is($eve, 'chat:mark_read', { %mark, conversation_id => 'c9' },
         'not_joined', 'an unknown conversation');


# history

my $answer = asks($ann, 'chat:history', { conversation_id => 'c1' });
my $page = $answer->{payload};
is($answer->{type}, 'chat:history', 'an answer of its own type');
is_deeply([map { $_->{id} } @{$page->{messages}}], [@ids, $own],
          'the messages, oldest first, and nothing else');
ok(!$page->{has_more}, 'no more');

$page = asks($ann, 'chat:history',
             { conversation_id => 'c1', limit => 4 })->{payload};
is_deeply([map { $_->{content} } @{$page->{messages}}],
          ['m8', 'm9', 'm10', 'of ben'], 'limit: the newest');
ok($page->{has_more}, 'and there are more');
$page = asks($ben, 'chat:history', { conversation_id => 'c1', limit => 4,
             before => $page->{messages}[0]{id} })->{payload};
is_deeply([map { $_->{content} } @{$page->{messages}}],
          ['m4', 'm5', 'm6', 'm7'], 'before: the ones next to it');
ok($page->{has_more}, 'more');
$page = asks($ben, 'chat:history', { conversation_id => 'c1', limit => 3,
             before => $page->{messages}[0]{id} })->{payload};
is_deeply([map { $_->{content} } @{$page->{messages}}], ['m1', 'm2', 'm3'],
          'the first ones');
ok(!$page->{has_more}, 'exactly: no more');
$page = asks($ben, 'chat:history', { conversation_id => 'c1',
             before => $ids[0] })->{payload};
is_deeply($page->{messages}, [], 'before the first: none');
ok(!$page->{has_more}, 'no more');

for ([{}, 'conversation_id'], [{ conversation_id => 'c1', limit => 101 },
     'limit'], [{ conversation_id => 'c1', before => 'x' }, 'before'])
{
    my ($payload, $field) = @$_;
    is(error_is($ann, 'chat:history', $payload, 'invalid_payload',
                "a bad $field")->{field}, $field, 'its field');
}

error_is($eve, 'chat:history', 'c1', 'not_authorized', 'a stranger');
error_is($eve, 'chat:history', 'c9', 'not_found', 'an unknown conversation');
my $cleo = client(user => 'cleo');
is(@{asks($cleo, 'chat:history', 'c1')->{payload}{messages}}, 11,
   'a participant reads without joining');
my $new = client(user => 'new', claims => { conversations => ['c7'] });
is_deeply(asks($new, 'chat:history', 'c7')->{payload}{messages}, [],
          'so does who is one by the token');

# the same over HTTP

my $res = api(GET => '/api/conversations/c1/messages?limit=2');
is($res->{status}, 200, 'GET messages');
is_deeply([map { $_->{content} } @{$res->{json}{messages}}],
          ['m10', 'of ben'], 'limit');
ok($res->{json}{has_more}, 'has_more');
$res = api(GET => "/api/conversations/c1/messages?limit=2&before=$ids[2]");
is_deeply([map { $_->{content} } @{$res->{json}{messages}}], ['m1', 'm2'],
          'before');
ok(!$res->{json}{has_more}, 'no more');
is(api(GET => '/api/conversations/none/messages')->{json}{code}, 'not_found',
   'of no conversation');
is(api(GET => '/api/conversations/c1/messages?limit=x')->{status}, 422,
   'a bad limit');
is(api(GET => '/api/conversations/c1/messages?before=x')->{json}{field},
   'before', 'a bad before');


# what memory has forgotten may have been a message; a database forgets none

$nginx = rtprop_nginx(prefix => "rtprop_history messages=5;\n",
                      location => 'rtprop_rate message off;');
conversation('c1', 'ann', 'ben');
($ann, $ben) = map { client(user => $_) } 'ann', 'ben';
joins($_, 'c1') for $ann, $ben;
@ids = map { says($ann, 'c1', "m$_")->{payload}{id} } 1 .. 12;
is(asks($ben, 'chat:mark_read', { conversation_id => 'c1',
        message_id => $ids[0] })->{type}, 'ack', 'an old message');
error_is($ben, 'chat:mark_read', { conversation_id => 'c1',
         message_id => '' . ($ids[10] + 1) },
         'not_found', 'none among the new');


done_testing();
