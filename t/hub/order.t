#!/usr/bin/perl

# One order for all: several senders on several workers, receivers everywhere.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Chat;
use RTProp::Test;

use constant { SENDERS => 4, MESSAGES => 100 };

my $nginx = rtprop_nginx(reuseport => 1, location => 'rtprop_rate message off;
                                             rtprop_rate other off;');
my @workers = $nginx->workers;

conversation('c1', map { "u$_" } 1 .. 8);

my @senders = map { client(user => "u$_", worker => $workers[$_ - 1]) } 1 .. 4;
my @others = map { client(user => "u$_", worker => $workers[$_ - 5]) } 5 .. 8;
my @all = (@senders, @others);

joins($_, 'c1') for @all;


# all at once; some with a client_message_id, which takes another way

for my $n (1 .. MESSAGES) {
    for my $i (0 .. $#senders) {
        $senders[$i]->send_json('chat:send_message',
            { conversation_id => 'c1', content => "$i $n",
              $n % 3 ? () : (client_message_id => "id-$n") });
    }

    # more commands than that are not open at a time

    next if $n != MESSAGES / 2;

    for my $i (0 .. $#senders) {
        $nginx->wait_until(sub {
            $senders[$i]->fence;
            grep { ($_->{payload}{content} // '') eq "$i $n" }
                 $senders[$i]->events });
    }
}

sub messages {
    my ($ws, $n) = @_;
    my @messages;

    while (@messages < $n) {
        my $m = $ws->wait_for('chat:new_message') or last;
        push @messages, $m;
    }

    return \@messages;
}

my @heard = map { messages($_, SENDERS * MESSAGES) } @all;

is_deeply([map { $_->{offset} } @{$heard[0]}], [1 .. SENDERS * MESSAGES],
          'offsets go up by one, without a gap');

for my $i (1 .. $#all) {
    is_deeply($heard[$i], $heard[0],
              "receiver $i hears the same in that order");
}

for my $i (0 .. $#senders) {
    is_deeply([map { $_->{payload}{content} =~ /^$i (\d+)/ } @{$heard[0]}],
              [1 .. MESSAGES], "in which sender $i said it");
}

my %ids = map { $_->{payload}{id} => 1 } @{$heard[0]};
is(keys %ids, SENDERS * MESSAGES, 'no two ids are the same');

is_deeply(asks($others[0], 'chat:history', { conversation_id => 'c1',
               limit => 100 })->{payload}{messages},
          [map { $_->{payload} } @{$heard[0]}[-100 .. -1]],
          'history has the same order');


# who joins in the middle of it misses nothing and gets nothing twice

for my $round (1 .. 5) {
    my @late = map { client(user => "u$_", worker => $workers[$_ % 4]) } 5 .. 7;
    my $from = $heard[0][-1]{offset};

    for my $n (1 .. 20) {
        for my $ws (@senders) {
            $ws->send_json('chat:send_message',
                           { conversation_id => 'c1', content => "$round" });
        }

        next if $n != 10;

        $late[0]->send_json('chat:join', { conversation_id => 'c1',
            since => $from, epoch => joins($senders[0], 'c1')->{epoch} });
        $late[1]->send_json('chat:join', { conversation_id => 'c1' });
        $late[2]->send_json('resume', { channels => { 'conversation:c1' =>
            { offset => $from, epoch => joins($senders[1], 'c1')->{epoch} } }});
    }

    my $end = $from + 20 * SENDERS;
    @heard = map { messages($_, 20 * SENDERS) } @all;

    for my $i (0 .. $#late) {
        my @offsets;

        while (!@offsets || $offsets[-1] < $end) {
            my $m = $late[$i]->wait_for('chat:new_message') or last;
            push @offsets, $m->{offset};
        }

        is_deeply(\@offsets, [$offsets[0] .. $end],
                  "round $round: late one $i has no gap");
        is($offsets[0], $from + 1, 'and misses nothing') if $i != 1;
    }

    $_->close for @late;
}


done_testing();
