#!/usr/bin/perl

# Many who speak in one turn of a worker are served in waves, and everybody
# still hears all of it, once and in the same order.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Chat;
use RTProp::Test;

my $nginx = rtprop_nginx(workers => 1, http => "rtprop_engine shm;\n",
    location => "rtprop_rate message off; rtprop_rate other off;");
my ($worker) = $nginx->workers;
my @users = map { "user$_" } 1 .. 100;

conversation('c1', 'ann', 'ben', @users);

my %client = map { $_ => client(user => $_) } 'ann', 'ben', @users;
joins($client{$_}, 'c1') for sort keys %client;
$client{$_}->fence for sort keys %client;

sub waves {
    my ($waves) = http()->get('/metrics')->{body}
                  =~ /^rtprop_ws_waves_total (\d+)/m;
    return $waves;
}

sub speaks {
    my ($user) = @_;
    $client{$user}->send_json('chat:send_message',
                              { conversation_id => 'c1', content => $user });
}


# one message waits for the end of the turn

my $before = waves();
speaks('ann');
is($client{ben}->wait_for('chat:new_message')->{payload}{content}, 'ann',
   'one message');
is(waves(), $before, 'is no wave');
$client{ann}->fence;
$_->clear for $client{ann}, $client{ben};


# a hundred, while the worker sleeps

kill STOP => $worker;
speaks($_) for @users;
kill CONT => $worker;

my @heard;

for my $user ('ann', 'ben') {
    my @got = map { $client{$user}->wait_for('chat:new_message') } @users;
    push @heard, [map { $_->{payload}{content} } @got];
    is_deeply([map { $_->{offset} } @got], [2 .. 101],
              "$user hears a hundred messages, without a gap");
    $client{$user}->fence;
    is(grep({ $_->{type} eq 'chat:new_message' } $client{$user}->events), 0,
       'and no more');
}

is_deeply($heard[0], $heard[1], 'in the same order');
is_deeply([sort @{$heard[0]}], [sort @users], 'one of everybody');
cmp_ok(waves() - $before, '>=', 3, 'in waves');


# many of one client, in one write

$_->clear for values %client;
$before = waves();
$client{ann}->send_raw(join '', map {
    $client{ann}->frame(1, qq({"type":"chat:send_message","payload":{)
                           . qq("conversation_id":"c1","content":"$_"}}))
} 1 .. 50);

is_deeply([map { $client{ben}->wait_for('chat:new_message')->{payload}{content}
               } 1 .. 50],
          [1 .. 50], 'fifty of one client');
cmp_ok(waves() - $before, '>=', 1, 'are a wave');

done_testing();
