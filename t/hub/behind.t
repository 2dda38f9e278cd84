#!/usr/bin/perl

# What is missing comes first: live events wait behind a re-read, and behind one
# that failed.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Chat;
use RTProp::Gate;
use RTProp::Test;

my $gate = RTProp::Gate->new;
my $nginx = rtprop_nginx($gate->options, workers => 1,
                         location => 'rtprop_rate message off;');

conversation('c1', 'ann', 'ben', 'cleo');
my $ann = client(user => 'ann');
joins($ann, 'c1');
says($ann, 'c1', 'one');

# Somebody joins; what is said before he knows his place is not among what he
# is given, and is read for him; meanwhile the conversation goes on.  The
# histories after his own end with this verdict.

sub comes {
    my ($user, $verdict, $meanwhile) = @_;
    my $ws = client(user => $user);
    my $n = $gate->lines(qr/ history conversation:c1 .* a/);

    $gate->set(history => 'a', 'conversation:c1');
    $ws->send_json('chat:join', { conversation_id => 'c1' }, 'join');
    $gate->wait_lines(qr/ history conversation:c1 .* a/, $n + 1);

    says($ann, 'c1', "$user two");
    says($ann, 'c1', "$user three");
    $gate->set(history => $verdict, 'conversation:c1');
    $ws->wait_for('chat:joined');
    $meanwhile->();

    return $ws;
}

# What he was told after he had joined.

sub told {
    my ($ws, $user) = @_;
    my @told;

    while (my $event = $ws->wait_for('chat:new_message')) {
        my ($word) = $event->{payload}{content} =~ /^$user (.*)/ or next;
        push @told, $word;
        last if $word eq 'last';
    }

    return "@told";
}


# the first is at once, the next one with the event that tells of him

my $ben = comes(ben => 'f', sub {
    $gate->wait_lines(qr/ history conversation:c1 .* f/, 2);
    $gate->clear('history');
    says($ann, 'c1', 'ben last');
});
is(told($ben, 'ben'), 'two three last',
   'a re-read failed: what comes live waits until it has succeeded');

my $cleo = comes(cleo => 'h', sub {
    $gate->wait_lines(qr/ history conversation:c1 .* h/);
    asks($ann, 'chat:send_message', { conversation_id => 'c1',
                                      content => 'cleo last' });
    $gate->clear('history');
});
is(told($cleo, 'cleo'), 'two three last',
   'a re-read is under way: what comes live waits for it');

done_testing();
