#!/usr/bin/perl

# A history that keeps little: what has gone from it can't be recovered.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Chat;
use RTProp::Test;

my $nginx = rtprop_nginx(reuseport => 1,
    http => "rtprop_zone rtprop 16m;\n",
    prefix => "rtprop_history messages=10 bytes=1m age=1h;\n",
    location => 'rtprop_rate message off; rtprop_rate other off;');
my @workers = $nginx->workers;

conversation('c1', 'ann', 'ben');

my $ann = client(user => 'ann', worker => $workers[0]);
my $epoch = joins($ann, 'c1')->{epoch};
says($ann, 'c1', "m$_") for 1 .. 30;

sub resume {
    my ($offset) = @_;
    my $ben = client(user => 'ben', worker => $workers[1]);
    my $answer = asks($ben, 'resume', { channels => { 'conversation:c1' =>
                      { epoch => $epoch, offset => $offset } } });
    my $got = $answer->{payload}{channels}{'conversation:c1'};
    my @messages = map { $_->{payload}{content} }
                   grep { $_->{type} eq 'chat:new_message' } $ben->events;
    my @types = map { $_->{type} } $ben->events;
    $ben->close;
    return ($got, \@messages, \@types);
}

my ($got, $messages, $types) = resume(25);
is($got->{recovered}, true, 'what is still there is recovered');
is_deeply($messages, [map { "m$_" } 26 .. 30], 'and comes');

($got, $messages) = resume(20);
is_deeply([@{$got}{qw(recovered missed)}], [true, 10], 'to the last of it');
is_deeply($messages, [map { "m$_" } 21 .. 30], 'all that is kept');

($got, $messages, $types) = resume(19);
is_deeply([@{$got}{qw(recovered missed offset)}], [false, undef, 30],
          'one more has gone: not recovered');
is((grep { /^chat:/ } @$types)[0], 'chat:joined', 'but chat:joined');
is_deeply($messages, [map { "m$_" } 21 .. 30], 'and the messages there are');

my $ben = client(user => 'ben');
my $joined = joins($ben, 'c1', since => 5, epoch => $epoch, limit => 3);
is($joined->{offset}, 30, 'a join from too far back');
is_deeply([map { $ben->wait_for('chat:new_message')->{payload}{content} }
           1 .. 3], ['m28', 'm29', 'm30'], 'has the last messages');
is($joined->{payload}{unread_count}, 10, 'what has gone is not counted');

my $page = asks($ben, 'chat:history', { conversation_id => 'c1' })->{payload};
is_deeply([map { $_->{content} } @{$page->{messages}}],
          [map { "m$_" } 21 .. 30], 'history is what is kept');
ok(!$page->{has_more}, 'there is no more');


# a zone that is full of history lets old history go, and goes on

my $small = rtprop_nginx(reuseport => 1, workers => 2,
    http => "rtprop_zone rtprop 2m;\n",
    location => 'rtprop_rate message off; rtprop_rate other off;');
conversation('c1', 'ann', 'ben');
conversation('c2', 'ann');

my @two = $small->workers;
$ann = client(user => 'ann', worker => $two[0]);
$ben = client(user => 'ben', worker => $two[1]);
$epoch = joins($ann, 'c1')->{epoch};
joins($_, 'c1') for $ben;
joins($ann, 'c2');
says($ann, 'c2', 'the oldest');
my $text = 'x' x 4900;

for my $round (1 .. 20) {
    $ann->send_json('chat:send_message', { conversation_id => 'c1',
                    content => "$round $_ $text" }, "$round-$_") for 1 .. 50;

    my @answers = map { my $id = "$round-$_";
        $ann->wait_for(qr/^(ack|error)$/, sub { ($_[0]{id} // '') eq $id }) }
        1 .. 50;
    my @heard = map { $ben->wait_for('chat:new_message') } 1 .. 50;

    is(grep({ $_->{type} eq 'ack' } @answers), 50, "round $round: accepted");
    is_deeply([map { $_->{offset} } @heard],
              [($round - 1) * 50 + 1 .. $round * 50], 'heard without a gap');
    $_->clear for $ann, $ben;
}

is(asks($ben, 'chat:join', { conversation_id => 'c1', limit => 1 })->{type},
   'chat:joined', 'who is in the conversation is remembered');
my $late = client(user => 'ben');
$joined = joins($late, 'c1', since => 1, epoch => $epoch, limit => 1);
is($joined->{offset}, 1000, 'the channel has gone on');
$late->wait_for('chat:new_message');
quiet_ok($late, 'old messages have gone');


done_testing();
