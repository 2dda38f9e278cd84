#!/usr/bin/perl

# The channel "all", kicks, batches, and what is posted to a conversation.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Chat;
use RTProp::Test;

my $rates = 'rtprop_rate message off; rtprop_rate other off;';

my $nginx = rtprop_nginx(reuseport => 1,
    server => RTProp::Test::standard_server($rates) . <<"END");
        location /batch {
            rtprop native;
            rtprop_jwt_key jwt.key;
            rtprop_batch 100ms;
            $rates
        }
END

my @workers = $nginx->workers;

sub publish {
    my ($channel, $type, $payload, %opt) = @_;
    return api(POST => '/api/publish', { channel => $channel, type => $type,
                                         payload => $payload, %opt });
}


# all

my @clients = map { client(user => "u$_", worker => $workers[$_ % 4]) } 0 .. 7;
my $camel = client(user => 'u8');

my $res = publish('all', 'maintenance', { at => 'noon', some_key => [1] });
is($res->{status}, 200, 'published to all');

for my $ws (@clients) {
    is_deeply($ws->wait_for('maintenance'),
              { type => 'maintenance', payload => { at => 'noon',
                                                    some_key => [1] } },
              'every connection hears it, without channel and offset');
}

my $id = $clients[0]{welcome}{payload}{session_id};
publish('all', 'second', {}, exclude_session => $id);
publish('all', 'third', {});
ok($clients[0]->no_event('second', until => 'third'), 'except the excluded');
ok($_->wait_for('second'), 'but the others') for @clients[1 .. 3];


# what is posted to a conversation

conversation('c1', 'u0', 'u1', 'u2');
joins($_, 'c1') for @clients[0, 1];
$res = publish('conversation:c1', 'chat:message_deleted',
               { conversation_id => 'c1', message_id => '5' });
is($res->{json}{offset}, 1, 'a reliable event has an offset');
for my $ws (@clients[0, 1]) {
    my $event = $ws->wait_for('chat:message_deleted');
    is($event->{offset}, 1, 'it reaches who has joined');
    is($event->{channel}, 'conversation:c1', 'with its channel');
}
quiet_ok($clients[2], 'and nobody else')
    if $clients[2]->wait_for('third');

$res = publish('conversation:c1', 'chat:hint', { a => 1 }, volatile => true);
is($clients[0]->wait_for('chat:hint')->{offset}, undef,
   'a volatile event has none');

my $late = client(user => 'u2');
is(joins($late, 'c1')->{offset}, 1, 'only the reliable one was counted');
quiet_ok($late, 'and what is no message is not replayed as one');

is(publish('nowhere:1', 'x', {})->{status}, 422, 'any other name: 422');


# kick

my $u0 = client(user => 'u0', worker => $workers[3]);
$res = api(DELETE => '/api/users/u0/connections');
is($res->{status}, 200, 'DELETE connections');
is($res->{json}{closed}, 2, 'tells how many');
is(($_->wait_close)[0], 1008, '1008, on whatever worker')
    for $clients[0], $u0;
is_deeply($clients[1]->wait_for('chat:user_left')->{payload}{user_id}, 'u0',
          'the others hear that he has left');
$clients[1]->fence;
ok(!defined $clients[1]{close_code}, 'and stay');
is(api(DELETE => '/api/users/nobody/connections')->{json}{closed}, 0,
   'nobody: none');
ok(client(user => 'u0')->{welcome}, 'he may come back');


# batches

my $batch = client(user => 'u2', path => '/batch', query => { batch => 1 });
ok($batch->{welcome}, 'welcome comes alone');
joins($batch, 'c1');
my $plain = client(user => 'u1', path => '/batch');
joins($plain, 'c1');
$batch->fence;
$batch->clear;

$clients[1]->send_json('chat:send_message', { conversation_id => 'c1',
                                              content => "b$_" }) for 1 .. 5;
my @got;

while (@got < 5) {
    my $event = $batch->wait_for('batch') or last;
    push @got, grep { $_->{type} eq 'chat:new_message' } @{$event->{payload}};
}

is_deeply([map { $_->{payload}{content} } @got], [map { "b$_" } 1 .. 5],
          'who asked for it gets batches, in order');
is_deeply([map { $_->{offset} } @got], [2 .. 6], 'with offsets');
ok(gets($plain, "b$_"), 'who did not gets them one by one') for 1 .. 5;

$batch->fence;
$batch->clear;
$clients[1]->send_json('chat:send_message', { conversation_id => 'c1',
                                              content => 'before' });
gets($clients[1], 'before');
my @order;
$batch->send_json('chat:send_message', { conversation_id => 'c1',
                                         content => 'own' }, 'x');
while (my $event = $batch->recv_json) {
    push @order, $event->{type} eq 'batch'
                 ? map { $_->{payload}{content} // () } @{$event->{payload}}
                 : $event->{type};
    last if grep { $_ eq 'own' } @order;
}
is_deeply([grep { /before|ack/ } @order], ['before', 'ack'],
          'an answer comes at once, behind what was collected');


done_testing();
