#!/usr/bin/perl

# chat:send_message: what goes out and to whom, what is refused, retries,
# receipts, spelling of keys.

use strict;
use warnings;
use utf8;

use lib 't/lib';
use RTProp::Chat;
use RTProp::Test;

my $rates = 'rtprop_rate message off; rtprop_rate other off;
             rtprop_errors 1000/1m;';

my $nginx = rtprop_nginx(reuseport => 1,
    server => RTProp::Test::standard_server($rates) . <<"END");
        location /camel {
            rtprop native;
            rtprop_jwt_key jwt.key;
            rtprop_field_case camel;
            $rates
        }

        location /both {
            rtprop native;
            rtprop_jwt_key jwt.key;
            rtprop_field_case both;
            $rates
        }

        location /limited {
            rtprop native;
            rtprop_jwt_key jwt.key;
        }
END

my @workers = $nginx->workers;

conversation('c1', { id => 'ann', name => 'Ann', avatar => '/ann.png' },
             'ben', 'cleo');
conversation('other', 'ben');

my $ann = client(user => 'ann', worker => $workers[0]);
my $ben = client(user => 'ben', name => 'Bénédicte', worker => $workers[1],
                 claims => { avatar => 'https://x.example/b.png' });
my $eve = client(user => 'eve', worker => $workers[2]);

joins($ann, 'c1');
joins($ben, 'c1');
$ann->wait_for('chat:user_joined');


# what goes out

my $ack = asks($ann, 'chat:send_message',
    { conversation_id => 'c1', content => "Grüße 😀\n\"\\",
      client_message_id => 'k1', attachments => ['https://x.example/a.png',
      { url => '/b.pdf', name => 'B', size => 12, mime => 'application/pdf' }],
      from => 'mallory', sender => { id => 'mallory' } });
my $event = $ben->wait_for('chat:new_message');
my $m = $event->{payload};

is($ack->{type}, 'ack', 'a message with an id is acknowledged');
is_deeply([sort keys %{$ack->{payload}}],
          ['client_message_id', 'created_at', 'message_id'], 'with these keys');
is($ack->{payload}{message_id}, $m->{id}, 'its message_id');
is($ack->{payload}{client_message_id}, 'k1', 'its client_message_id');
is($ack->{payload}{created_at}, $m->{created_at}, 'its created_at');

is($event->{channel}, 'conversation:c1', 'the event names the channel');
is($event->{offset}, 1, 'and its offset');
ok(!exists $event->{id} && !exists $event->{epoch}, 'neither id nor epoch');
is_deeply([sort keys %$m], [sort qw(id message_id conversation_id content
          sender from attachments client_message_id created_at timestamp)],
          'the keys of a message');
like($m->{id}, qr/^[1-9]\d{0,18}$/, 'its id is text');
is($m->{message_id}, $m->{id}, 'twice');
is($m->{content}, "Grüße 😀\n\"\\", 'the content is as it was');
is_deeply($m->{attachments}, ['https://x.example/a.png',
      { url => '/b.pdf', name => 'B', size => 12, mime => 'application/pdf' }],
      'so are attachments');
is_deeply($m->{sender}, { id => 'ann', name => 'Ann', avatar => '/ann.png' },
          'what the token does not tell of the sender is the resource\'s');
is($m->{from}, 'ann', 'who sent it is not the payload\'s to say');
like($m->{created_at}, qr/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, 'time');
is($m->{timestamp}, $m->{created_at}, 'twice');
is_deeply($ann->wait_for('chat:new_message'), $event,
          'the sender gets the same');

$event = says($ben, 'c1', 'back');
is_deeply($event->{payload}{sender}, { id => 'ben', name => 'Bénédicte',
          avatar => 'https://x.example/b.png' }, 'what it tells comes first');
is($event->{payload}{client_message_id}, undef, 'no client_message_id');
is_deeply($event->{payload}{attachments}, [], 'no attachments');
gets($ann, 'back');

$ann->send_json('send_message', { conversationId => 'c1', content => 'alias',
                                  clientMessageId => 7 });
is(gets($ben, 'alias')->{payload}{client_message_id}, '7',
   'the alias, keys in camelCase, an integer as client_message_id');
ok(gets($ann, 'alias'), 'back to the sender');


# receipts

for my $n (1 .. 2) {
    my $got = $ann->wait_for('chat:delivered');
    is_deeply([sort keys %{$got->{payload}}],
              [qw(conversation_id message_id user_id)], 'chat:delivered');
    is($got->{payload}{user_id}, 'ben', 'who got it first');
    is($got->{payload}{message_id}, $m->{id}, 'the first message') if $n == 1;
}

is($ben->wait_for('chat:delivered')->{payload}{user_id}, 'ann',
   'ben hears of his, too');
quiet_ok($ann, 'each once');
quiet_ok($ben, 'for the author alone');

my @more = map { client(user => $_, worker => $workers[$_ eq 'ben' ? 2 : 3]) }
           qw(ben cleo cleo);
joins($_, 'c1', limit => 1) for @more;
$_->fence && $_->clear for $ann, $ben, @more;
says($ann, 'c1', 'to many');
$_->fence for $ann, $ben, @more;
ok($ann->wait_for('chat:delivered'), 'several receivers on several workers');
ok($ann->no_event('chat:delivered'), 'make one receipt');

$_->close for @more, $ben;
$ann->fence;
$ann->clear;
says($ann, 'c1', 'to nobody');
ok($ann->no_event('chat:delivered'), 'nobody else is there');
$ben = client(user => 'ben', worker => $workers[1]);
joins($ben, 'c1');
is($ann->wait_for('chat:delivered')->{payload}{message_id},
   gets($ben, 'to nobody')->{payload}{id},
   'who joins later gets it, and the author hears of that');
ok($ann->no_event('chat:delivered'), 'of that message alone');
my $again = client(user => 'cleo', worker => $workers[2]);
joins($again, 'c1');
gets($again, 'to nobody');
$again->fence;
ok($ann->no_event('chat:delivered'), 'and not again of the next');
$again->close;
$_->fence && $_->clear for $ann, $ben;


# refusals

for ([{}, 'conversation_id'],
     [{ conversation_id => 'c1' }, 'content'],
     [{ conversation_id => 'c1', content => '' }, 'content'],
     [{ conversation_id => 'c1', content => " \t\n" }, 'content'],
     [{ conversation_id => 'c1', content => "\x{200b}\x{a0}" }, 'content'],
     [{ conversation_id => 'c1', content => 5 }, 'content'],
     [{ conversation_id => 'c1', content => { a => 1 } }, 'content'],
     [{ conversation_id => 'c1', content => 'é' x 5001 }, 'content'],
     [{ content => 'x' }, 'conversation_id'],
     [{ conversation_id => 'c1', content => 'x', attachments => 'x' },
      'attachments'],
     [{ conversation_id => 'c1', content => 'x', attachments => [('/x') x 6] },
      'attachments'],
     [{ conversation_id => 'c1', content => 'x',
        attachments => ['javascript:x'] }, 'attachments'],
     [{ conversation_id => 'c1', content => 'x', attachments => [{}] },
      'attachments'],
     [{ conversation_id => 'c1', content => 'x',
        attachments => [{ url => '/x', size => -1 }] }, 'attachments'],
     [{ conversation_id => 'c1', content => 'x', client_message_id => [] },
      'client_message_id'],
     [{ conversation_id => 'c1', content => 'x',
        client_message_id => 'x' x 129 }, 'client_message_id'])
{
    my ($payload, $field) = @$_;
    my $error = error_is($ann, 'chat:send_message', $payload,
                         'invalid_payload', "a bad $field");
    is($error->{field}, $field, 'the field is named');
}

ok(says($ann, 'c1', 'é' x 5000), '5000 characters are not too many');
gets($ben, 'é' x 5000);

my %hi = (conversation_id => 'c1', content => 'hi');
error_is($eve, 'chat:send_message', \%hi, 'not_joined', 'a stranger');
error_is($ben, 'chat:send_message', { %hi, conversation_id => 'other' },
         'not_joined', 'a participant who has not joined');
error_is($ben, 'chat:send_message', { %hi, conversation_id => 'c9' },
         'not_joined', 'an unknown conversation');
$_->fence && $_->clear for $ann, $ben;
quiet_ok($ben, 'nothing of it went out');


# a message sent again

my %once = (conversation_id => 'c1', content => 'once',
            client_message_id => 'retry-1');
my $first = asks($ann, 'chat:send_message', { %once });
my $second = asks($ann, 'chat:send_message', { %once });
my $ann2 = client(user => 'ann', worker => $workers[3]);
joins($ann2, 'c1', limit => 1);
my $third = asks($ann2, 'chat:send_message', { %once, content => 'other' });
is_deeply($second->{payload}, $first->{payload},
          'the same client_message_id: the same answer');
is_deeply($third->{payload}, $first->{payload},
          'also over another connection on another worker');

my $theirs = asks($ben, 'chat:send_message', { %once, content => 'of ben' });
isnt($theirs->{payload}{message_id}, $first->{payload}{message_id},
     'another user\'s is another message');
gets($ben, 'of ben');
is(grep({ $_->{type} eq 'chat:new_message' } $ben->events), 1,
   'one broadcast for three');
$ann2->close;

# both connections at once
my @both = map { my $c = client(user => 'ann', worker => $workers[$_]);
                 joins($c, 'c1', limit => 1); $c } 1, 2;
$ben->fence;
$ben->clear;

for my $n (1 .. 10) {
    $_->send_json('chat:send_message', { conversation_id => 'c1',
                  content => "race $n", client_message_id => "race-$n" }, "r$n")
        for @both;
}

my %ids;
for my $n (1 .. 10) {
    my @acks = map { $_->wait_for('ack', sub { $_[0]{id} eq "r$n" }) } @both;
    $ids{$acks[0]{payload}{message_id}}++;
    is($acks[0]{payload}{message_id}, $acks[1]{payload}{message_id},
       "two at once are one: $n");
}
is(keys %ids, 10, 'ten messages');
says($ben, 'c1', 'fence');
is(grep({ $_->{type} eq 'chat:new_message' } $ben->events), 10,
   'and ten broadcasts');
$_->close for @both;


# field case

my ($camel, $both) = map { my $c = client(user => 'cleo', path => $_);
                           joins($c, 'c1', limit => 1); $c } '/camel', '/both';

$_->fence && $_->clear for $camel, $both;
says($ann, 'c1', 'spelled', client_message_id => 'x1',
     attachments => [{ url => '/u', file_size => 3 }]);
$m = gets($camel, 'spelled')->{payload};
is_deeply([sort keys %$m], [sort qw(id messageId conversationId content sender
          from attachments clientMessageId createdAt timestamp)], 'camel');
is_deeply($m->{attachments}, [{ url => '/u', file_size => 3 }],
          'keys that were posted stay as they are');
$m = gets($both, 'spelled')->{payload};
is_deeply([sort keys %$m], [sort qw(id messageId message_id conversationId
          conversation_id content sender from attachments clientMessageId
          client_message_id createdAt created_at timestamp)], 'both');

my $joined = joins($camel, 'c1')->{payload};
is_deeply([sort keys %$joined], [sort qw(conversationId lastMessageId
          participants participantCount unreadCount)], 'chat:joined in camel');
is_deeply([sort keys %{$joined->{participants}[0]}],
          [sort qw(id name online lastSeen)], 'and its participants');
$ack = asks($camel, 'chat:send_message', { conversationId => 'c1',
            content => 'x', clientMessageId => 'x2' });
is_deeply([sort keys %{$ack->{payload}}],
          [sort qw(messageId clientMessageId createdAt)], 'the ack');
my $read = asks($both, 'chat:history', { conversation_id => 'c1', limit => 1 });
ok(exists $read->{payload}{has_more} && exists $read->{payload}{hasMore}
   && exists $read->{payload}{messages}[0]{createdAt}
   && exists $read->{payload}{messages}[0]{created_at}, 'history in both');
is(error_is($camel, 'chat:send_message', { conversationId => 'c1' },
            'invalid_payload', 'an error in camel')->{field}, 'content',
   'the field is named as it is documented');


# rates

my $fast = client(user => 'cleo', path => '/limited');
joins($fast, 'c1', limit => 1);
$fast->fence;
$fast->clear;
$fast->send_json('chat:send_message', { %hi }, $_) for 1 .. 6;
my @answers = map { my $n = $_; $fast->wait_for(qr/^(ack|error)$/,
                    sub { $_[0]{id} eq $n }) } 1 .. 6;
is_deeply([map { $_->{type} } @answers], [('ack') x 5, 'error'],
          'the sixth message at once is too much');
is($answers[5]{payload}{code}, 'rate_limited', 'rate_limited');
ok($answers[5]{payload}{retry_after_ms} > 0, 'and when it may come again');


done_testing();
