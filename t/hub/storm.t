#!/usr/bin/perl

# Whatever people do in whatever order: joining, leaving, talking, resuming,
# losing connections, being thrown out.  In the end all counts are right.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Chat;
use RTProp::Test;

use constant { STEPS => 1500, USERS => 6, ROOMS => 4 };

my $seed = $ENV{RTPROP_SEED} || time;
srand $seed;
diag("RTPROP_SEED=$seed");

my $nginx = rtprop_nginx(reuseport => 1,
    location => 'rtprop_rate message off; rtprop_rate other off;
                 rtprop_rate typing off; rtprop_errors 60000/1m;
                 rtprop_user_connections 100;');

my @users = map { "u$_" } 1 .. USERS;
my @rooms = map { "c$_" } 1 .. ROOMS;
conversation($_, @users) for @rooms;

my (@clients, %place, %message);


sub one { $_[rand @_] }

sub connect_one {
    push @clients, client(user => one(@users));
}

sub drop_one {
    my $i = int rand @clients;
    my ($ws) = splice @clients, $i, 1;
    rand() < 0.5 ? $ws->drop : $ws->close;
}

sub people {
    my ($room) = @_;
    my @some = grep { rand() < 0.7 } @users;
    api(PUT => "/api/conversations/$room",
        { participants => [@some ? @some : $users[0]] });
}

sub places {
    return { map { ("conversation:$_" => { epoch => $place{$_}{epoch} // 'x',
                    offset => int rand(1 + ($place{$_}{offset} // 0)) }) }
             grep { rand() < 0.7 } @rooms, 'none' };
}

my %does = (
    join => sub { $_[0]->send_json('chat:join', { conversation_id => $_[1],
        rand() < 0.3 && $place{$_[1]} ? %{$place{$_[1]}} : () }) },
    leave => sub { $_[0]->send_json('chat:leave', $_[1]) },
    say => sub { $_[0]->send_json('chat:send_message',
        { conversation_id => $_[1], content => 'x' x (1 + rand 200),
          rand() < 0.5 ? (client_message_id => int rand 20) : () }, 'say') },
    type => sub { $_[0]->send_json('chat:typing', { conversation_id => $_[1],
        is_typing => rand() < 0.6 ? true : false }) },
    read => sub { $_[0]->send_json('chat:mark_read',
        { conversation_id => $_[1], message_id => rand() < 0.7
          && $message{$_[1]} || int(rand 9e17) + 1 }) },
    history => sub { $_[0]->send_json('chat:history',
        { conversation_id => $_[1], limit => 1 + int rand 20 }) },
    resume => sub { my $places = places();
        $_[0]->send_json('resume', { channels => $places }) if %$places },
    both => sub { $_[0]->send_json('chat:join', $_[1]);
                  $_[0]->send_json('chat:leave', $_[1]);
                  $_[0]->drop; @clients = grep { $_->{socket} } @clients },
);

my @often = (('join') x 4, ('say') x 6, 'leave', 'type', 'type', 'read',
             'history', 'resume', 'both');

for my $step (1 .. STEPS) {
    my $what = rand;

    connect_one() if @clients < 4 || ($what < 0.08 && @clients < 24);
    drop_one() if $what > 0.95;
    people(one(@rooms)) if $what > 0.08 && $what < 0.1;
    api(DELETE => '/api/users/' . one(@users) . '/connections')
        if $what > 0.10 && $what < 0.105;
    $nginx->reload if $step % 500 == 0;

    $does{one(@often)}->(one(@clients), one(@rooms)) if @clients;

    next if $step % 10;

    # what came is looked at, so that nobody is too slow

    for my $ws (@clients) {
        $ws->fence;

        for my $event ($ws->events) {
            my $channel = $event->{channel} or next;
            my ($room) = $channel =~ /^conversation:(.*)/ or next;
            $place{$room}{epoch} = $event->{epoch} if $event->{epoch};
            $place{$room}{since} = $place{$room}{offset} = $event->{offset};
            $message{$room} = $event->{payload}{id}
                if $event->{type} eq 'chat:new_message';
        }

        $ws->clear;
    }

    @clients = grep { $_->{socket} && !defined $_->{close_code} } @clients;
}


# in the end: all who are in hear the same, and nobody else is counted

$nginx->wait_drained;
$_->close for @clients;
conversation($_, @users) for @rooms;

ok($nginx->wait_until(sub {
       api(GET => '/api/channels?prefix=conversation:')->{json} or return;
       !grep { $_->{subscribers} }
             map { api(GET => "/api/channels/conversation:$_")->{json} // () }
             @rooms;
   }), 'nobody is subscribed any more');

@clients = map { client(user => $_) } @users;

for my $room (@rooms) {
    joins($_, $room, limit => 1) for @clients;
    $_->fence && $_->clear for @clients;

    is(api(GET => "/api/channels/conversation:$room")->{json}{subscribers},
       USERS, "$room: all are subscribed");

    my $sent = says($clients[0], $room, "the end of $room");
    is_deeply([map { gets($_, "the end of $room")->{offset} }
               @clients[1 .. $#clients]], [($sent->{offset}) x (USERS - 1)],
              'and hear the same');

    # the last one of each user who leaves is told, so presence is right
    asks($_, 'chat:leave', $room) for @clients[1 .. $#clients];
    my @left = map { $clients[0]->wait_for('chat:user_left') } 2 .. USERS;
    is_deeply([sort map { $_->{payload}{user_id} } @left],
              [@users[1 .. $#users]], 'each has left once');
}


done_testing();
