#!/usr/bin/perl

# Workers that end while people talk: reload and kill -9.

use strict;
use warnings;

use Time::HiRes qw(time);

use lib 't/lib';
use RTProp::Chat;
use RTProp::Test;

my $nginx = rtprop_nginx(reuseport => 1, location => 'rtprop_rate message off;
                                             rtprop_rate other off;');

conversation('c1', map { "u$_" } 1 .. 6);


# A talker keeps the place that a client would keep, and what it has heard.

sub talker {
    my ($user, $worker) = @_;
    my $t = { user => $user, heard => [], number => 0, offset => 0 };

    $t->{ws} = client(user => $user, worker => $worker);
    my $joined = joins($t->{ws}, 'c1');
    @{$t}{qw(epoch offset)} = @{$joined}{qw(epoch offset)};

    return $t;
}


# Takes what is buffered; events after the place it stands at only.

sub take {
    my ($t) = @_;

    for my $event ($t->{ws}->events) {
        next if !defined $event->{offset} || !$event->{channel}
                || $event->{type} eq 'chat:joined';
        push @{$t->{heard}}, $event;
        $t->{offset} = $event->{offset};
    }

    $t->{ws}->clear;
}


# Connects anew when the connection has ended and resumes.

sub back {
    my ($t) = @_;
    my $ws;

    take($t);

    for my $try (1 .. 100) {
        $ws = client(user => $t->{user}, welcome => 0);
        last if $ws->status == 101 && $ws->wait_for('welcome');
    }

    $t->{ws} = $ws;
    my $answer = asks($ws, 'resume', { channels => { 'conversation:c1' =>
        { epoch => $t->{epoch}, offset => $t->{offset} } } });
    my $got = $answer->{payload}{channels}{'conversation:c1'};

    push @{$t->{resumed}}, $got->{recovered} ? 'recovered' : 'lost';
}


# Says the next thing until it is acknowledged, as a client does: with a
# client_message_id, over another connection if need be.

sub say_on {
    my ($t) = @_;
    my $n = ++$t->{number};

    for my $try (1 .. 5) {
        my $answer = asks($t->{ws}, 'chat:send_message',
            { conversation_id => 'c1', content => "$t->{user} $n",
              client_message_id => "$t->{user}-$n" });

        return 1 if $answer && $answer->{type} eq 'ack';

        push @{$t->{codes}}, ($t->{ws}->wait_close)[0];
        back($t);
    }

    return 0;
}


sub hear_all {
    my ($name, @talkers) = @_;
    my @said = map { my $t = $_; map { "$t->{user} $_" } 1 .. $t->{number} }
               @talkers;
    my $first;

    for my $t (@talkers) {
        my %seen;

        # to the end: what all have said is there
        for my $try (1 .. 200) {
            take($t);
            %seen = map { $_->{payload}{content} => 1 } @{$t->{heard}};
            last if !grep { !$seen{$_} } @said;
            next if $t->{ws}->read_event;
            back($t) if $t->{ws}->error ne 'timeout';
        }

        my @heard = map { $_->{payload}{content} } @{$t->{heard}};
        $first ||= \@heard;

        is(@heard, keys %seen, "$name: $t->{user} hears nothing twice");
        is_deeply([sort @heard], [sort @said], 'and misses nothing');
        is_deeply(\@heard, $first, 'in the same order as the others');
        is_deeply([grep { $_ ne 'recovered' } @{$t->{resumed} || []}], [],
                  'each time that it came back');
        $_->{resumed} = [] for $t;
    }
}


# reload

my @workers = $nginx->workers;
my @talkers = map { talker("u$_", $workers[$_ % 4]) } 1 .. 6;

for my $round (1 .. 3) {
    for (1 .. 3) {
        ok(say_on($_), "$_->{user} speaks") for @talkers;
    }

    $nginx->reload;

    for (1 .. 3) {
        ok(say_on($_), "$_->{user} speaks") for @talkers;
    }

    hear_all("reload $round", @talkers);
    ok($nginx->wait_drained, 'the old workers end');

    # who has not spoken in time was sent home as well
    for my $t (@talkers) {
        next if $t->{ws}->fence;
        push @{$t->{codes}}, ($t->{ws}->wait_close)[0];
        back($t);
    }
}

is_deeply([grep { $_ != 1012 } map { @{$_->{codes} || []} } @talkers], [],
          'each connection ended with 1012');
is(scalar(map { @{$_->{codes} || []} } @talkers), 3 * @talkers,
   'once at each reload');


# kill -9

my $ann = client(user => 'ann', claims => { conversations => ['c2'] });
my $epoch = joins($ann, 'c2')->{epoch};

sub pair {
    my ($pid) = @_;
    my @pair = map { client(user => $_, name => uc $_, worker => $pid,
                            claims => { conversations => ['c2'] }) }
               'ben', 'cleo';
    joins($_, 'c2') for @pair;
    return @pair;
}

my ($victim) = grep { $_ != $nginx->worker_of($ann->socket) } $nginx->workers;
my ($ben, $cleo) = pair($victim);
my ($stays) = grep { $_ != $victim } $nginx->workers;
my $cleo2 = client(user => 'cleo', worker => $stays,
                   claims => { conversations => ['c2'] });
joins($cleo2, 'c2');
$ben->send_json('chat:typing_start', 'c2');
$ann->wait_for('chat:user_typing');
says($cleo, 'c2', 'before');
gets($ann, 'before');
$ann->fence;
$ann->clear;

$nginx->kill_worker($victim);
my $start = time;

is(($ben->wait_close)[0], 1006, 'connections of a killed worker are lost');
says($ann, 'c2', 'at once');
ok(gets($cleo2, 'at once'), 'the others go on');

my $left = $ann->wait_for('chat:user_left');
is_deeply($left->{payload}, { conversation_id => 'c2', user_id => 'ben',
                              user_name => 'BEN' },
          'who had his only connection there has left');
ok(time - $start < 5.5, 'within five seconds');
is($ann->wait_for('presence:user_offline')->{payload}{user_id}, 'ben',
   'and is offline');
ok($ann->no_event(qr/user_(left|offline)/,
                  cond => sub { $_[0]{payload}{user_id} eq 'cleo' }),
   'who has another one is not');

ok($nginx->wait_until(sub {
    my ($seen) = grep { $_->{id} eq 'ben' }
                 @{joins($ann, 'c2')->{payload}{participants}};
    return !$seen->{online} && $seen->{last_seen};
}), 'it is known when he was seen last');

$ben = client(user => 'ben', claims => { conversations => ['c2'] });
my $answer = asks($ben, 'resume', { channels => { 'conversation:c2' =>
             { epoch => $epoch, offset => 1 } } });
is_deeply([@{$answer->{payload}{channels}{'conversation:c2'}}
           {qw(recovered missed)}], [true, 1], 'he comes back and resumes');
ok(gets($ben, 'at once'), 'what he has missed');
ok($ann->wait_for('chat:user_joined'), 'the others hear of it');
is(api(GET => '/api/channels/conversation:c2')->{json}{subscribers}, 3,
   'subscribers of the dead worker do not count');


# workers killed while all talk; the survivors hear each other

for my $round (1 .. 3) {
    for (1 .. 3) {
        ok(say_on($_), "$_->{user} speaks") for @talkers;
    }

    $nginx->kill_worker($nginx->worker_of($talkers[$round]{ws}->socket));

    for (1 .. 3) {
        ok(say_on($_), "$_->{user} speaks") for @talkers;
    }

    hear_all("kill $round", @talkers);
}


done_testing();
