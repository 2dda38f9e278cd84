#!/usr/bin/perl

# Who is there: typing, coming and leaving, online and offline.

use strict;
use warnings;

use Time::HiRes qw(time);

use lib 't/lib';
use RTProp::Chat;
use RTProp::Test;

my $nginx = rtprop_nginx(reuseport => 1, location => 'rtprop_rate typing off;
                                             rtprop_rate other off;
                                             rtprop_errors 1000/1m;');
my @workers = $nginx->workers;

conversation('c1', { id => 'ann', name => 'Ann' }, { id => 'ben',
             name => 'Ben of the resource' }, 'cleo');
conversation('c2', 'ann', 'ben');

my $ann = client(user => 'ann', worker => $workers[0]);
my $ben = client(user => 'ben', name => 'Ben', worker => $workers[1]);
my $ben2 = client(user => 'ben', name => 'Ben', worker => $workers[2]);
my $eve = client(user => 'eve', worker => $workers[3]);


# coming and leaving

joins($ann, 'c1');
quiet_ok($ann, 'nobody hears of himself');
joins($ben, 'c1');
is_deeply($ann->wait_for('chat:user_joined')->{payload},
          { conversation_id => 'c1', user_id => 'ben', user_name => 'Ben' },
          'chat:user_joined');
joins($ben2, 'c1');
quiet_ok($ann, 'a second connection is no news');
quiet_ok($ben, 'neither to the user\'s own');

asks($ben, 'chat:leave', { conversation_id => 'c1' });
quiet_ok($ann, 'one of two leaves: no news');
quiet_ok($ben2, 'to nobody');
$ben2->drop;
is_deeply($ann->wait_for('chat:user_left')->{payload},
          { conversation_id => 'c1', user_id => 'ben', user_name => 'Ben' },
          'the last one is lost: chat:user_left');
quiet_ok($ben, 'his other connection, which has left, hears nothing');

joins($ben, 'c1');
ok($ann->wait_for('chat:user_joined'), 'he comes back');
is(asks($ben, 'chat:leave', 'c1')->{type}, 'ack', 'leaving with a bare id');
is($ann->wait_for('chat:user_left')->{payload}{user_id}, 'ben',
   'the others hear of it');
joins($ben, 'c1');
$ann->wait_for('chat:user_joined');


# typing

is(asks($ann, 'chat:typing', { conversation_id => 'c1' })->{type}, 'ack',
   'with an id it is acknowledged');
my $start = time;
is_deeply($ben->wait_for('chat:user_typing')->{payload},
          { conversation_id => 'c1', user_id => 'ann', user_name => 'Ann',
            is_typing => true }, 'chat:user_typing');
quiet_ok($ann, 'not to who types');

is_deeply($ben->wait_for('chat:user_stopped_typing', undef, 8)->{payload},
          { conversation_id => 'c1', user_id => 'ann', user_name => 'Ann',
            is_typing => false }, 'it ends by itself');
my $lasted = time - $start;
ok($lasted > 4.5 && $lasted < 7, 'after five seconds') or diag($lasted);

$ann->send_json('chat:typing', { conversation_id => 'c1', is_typing => true });
ok($ben->wait_for('chat:user_typing'), 'again');
$ann->send_json('chat:typing', { conversation_id => 'c1', isTyping => false });
ok($ben->wait_for('chat:user_stopped_typing'), 'and told to stop');

$ann->send_json('chat:typing_start', 'c1');
ok($ben->wait_for('chat:user_typing'), 'chat:typing_start');
$ann->send_json('chat:typing_start', { conversation_id => 'c1' });
quiet_ok($ann, 'repeated');
quiet_ok($ben, 'it is told at most every two seconds');
$ann->send_json('chat:typing_stop', 'c1');
ok($ben->wait_for('chat:user_stopped_typing'), 'chat:typing_stop');
$ann->send_json('chat:typing_stop', 'c1');
quiet_ok($ann, 'stopped twice');
quiet_ok($ben, 'is told once');

$ann->send_json('chat:typing_start', 'c1');
$ben->wait_for('chat:user_typing');
says($ann, 'c1', 'sent');
$ben->fence;
is_deeply([map { $_->{type} } $ben->events],
          ['chat:user_stopped_typing', 'chat:new_message'],
          'sending ends it, before the message');
$ben->clear;

my $ann2 = client(user => 'ann', worker => $workers[2]);
joins($ann2, 'c1');
$ann2->send_json('chat:typing_start', 'c1');
$ben->wait_for('chat:user_typing');
asks($ann2, 'chat:leave', 'c1');
ok($ben->wait_for('chat:user_stopped_typing'), 'leaving ends it');
joins($ann2, 'c1');
$ann2->send_json('chat:typing_start', 'c1');
$ben->wait_for('chat:user_typing');
$ann2->drop;
ok($ben->wait_for('chat:user_stopped_typing'), 'so does a lost connection');
ok($ann->no_event(qr/typing/), 'the user\'s other connections hear nothing');
quiet_ok($ben, 'who has another connection has not left');

error_is($eve, 'chat:typing', 'c1', 'not_joined', 'a stranger');
error_is($ben, 'chat:typing', 'c2', 'not_joined', 'who has not joined');
is(error_is($ann, 'chat:typing', {}, 'invalid_payload', 'nowhere')->{field},
   'conversation_id', 'the field');
is(error_is($ann, 'chat:typing', { conversation_id => 'c1', is_typing => 'x' },
            'invalid_payload', 'no boolean')->{field}, 'is_typing',
   'the field');
$ann->clear;


# online and offline

joins($ann, 'c2');
$_->fence && $_->clear for $ann, $ben, $eve;

my $cleo = client(user => 'cleo', name => 'Cleo', worker => $workers[2]);
for my $ws ($ann, $ben) {
    is_deeply($ws->wait_for('presence:user_online')->{payload},
              { conversation_id => 'c1', user_id => 'cleo',
                user_name => 'Cleo', last_seen => undef },
              'presence:user_online to those who joined a conversation');
}

my $cleo2 = client(user => 'cleo', name => 'Cleo', worker => $workers[3]);
$cleo->close;
quiet_ok($ann, 'not of a second connection', presence => 1);
$cleo2->close;

my ($offline) = map { $_->wait_for('presence:user_offline')->{payload} }
                $ann, $ben;
like($offline->{last_seen}, qr/^\d{4}-.*Z$/, 'presence:user_offline');
is_deeply($offline, { conversation_id => 'c1', user_id => 'cleo',
          user_name => 'Cleo', last_seen => $offline->{last_seen} },
          'when the last one has gone');
quiet_ok($eve, 'not to strangers', presence => 1);

my ($seen) = grep { $_->{id} eq 'cleo' }
             @{joins($ann, 'c1')->{payload}{participants}};
ok(!$seen->{online}, 'the answer to a join says so, too');
is($seen->{last_seen}, $offline->{last_seen}, 'and when she was last seen');

$_->fence && $_->clear for $ann, $ben;
$ben->close;
my @heard = map { $ann->wait_for(qr/^(chat|presence):user_(left|offline)$/) }
            1 .. 3;
is_deeply([sort map { "$_->{type} $_->{payload}{conversation_id}" } @heard],
          ['chat:user_left c1', 'presence:user_offline c1',
           'presence:user_offline c2'],
          'who leaves all: once in each conversation that they share');
quiet_ok($ann, 'and nothing else', presence => 1);

$ben = client(user => 'ben');
@heard = map { $ann->wait_for('presence:user_online') } 1 .. 2;
is_deeply([sort map { "$_->{type} $_->{payload}{conversation_id}" } @heard],
          ['presence:user_online c1', 'presence:user_online c2'],
          'and so when he comes back');
is_deeply({ map { @{$_->{payload}}{qw(conversation_id user_name)} } @heard },
          { c1 => 'Ben of the resource', c2 => 'ben' },
          'by the name that the resource gives him, or by his id');


# typing too fast is dropped silently

my $limited = rtprop_nginx(location => 'rtprop_rate typing 1r/s burst=2;');
conversation('c3', 'ann', 'ben');
($ann, $ben) = map { my $c = client(user => $_); joins($c, 'c3'); $c }
               'ann', 'ben';
$ann->fence;
$ann->clear;
for (1 .. 4) {
    $ann->send_json('chat:typing_start', 'c3', $_);
    $ann->send_json('chat:typing_stop', 'c3', $_);
}
$ann->fence;
is_deeply([map { $_->{type} } $ann->events], ['ack', 'ack'],
          'over the limit there is no answer');
$ben->fence;
is_deeply([map { $_->{type} } $ben->events],
          ['chat:user_typing', 'chat:user_stopped_typing'],
          'and nothing to hear');


done_testing();
