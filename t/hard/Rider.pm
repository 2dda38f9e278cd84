package Rider;

# Two clients who chat whatever happens to their connections: they come back,
# and resume.  What is lost, said twice or out of turn is a fault.
#
#   my @riders = map { rider("r$_") } 1 .. 4;
#   …
#   riders_ok('reloads', @riders);

use strict;
use warnings;

use Exporter qw(import);
use Time::HiRes qw(time);

use Hard;
use RTProp::Test;

our @EXPORT = qw(rider riders_ok);

use constant WAIT => 60;


sub rider {
    my ($name) = @_;
    return helper(sub { ride($name, @_) });
}


sub ride {
    my ($name, $stop) = @_;
    my $room = "room-$name";
    my ($ann, $ben) = map {
        { user => "$name-$_", room => $room, back => 0, offset => 0 }
    } 'ann', 'ben';
    my ($said, $last) = (0, 0);

    come($ben);

    until ($last) {
        $last = $stop->(0.005);
        $said++;
        say_it($ann, $said);
        hear_it($ben, $said);
    }

    $_->{ws} && $_->{ws}->close for $ann, $ben;

    return { count => $said, back => $ann->{back} + $ben->{back} };
}


# Comes (back), and joins or resumes; tries again for as long as it must.

sub come {
    my ($who) = @_;
    my $deadline = time + WAIT;

    while (time < $deadline) {
        my $ws = eval {
            client(user => $who->{user}, welcome => 0,
                   claims => { conversations => [$who->{room}] });
        };

        if ($ws && $ws->status == 101) {
            $who->{ws} = $ws;
            return if $who->{epoch} ? resume($who) : enter($who);
            $ws->drop;
        }

        delete $who->{ws};
        select undef, undef, undef, 0.01;
    }

    die "$who->{user} does not come back\n";
}


sub enter {
    my ($who) = @_;
    my $ws = $who->{ws};

    $ws->send_json('chat:join', { conversation_id => $who->{room},
                                  limit => 1 });
    my $joined = quietly($ws, 'chat:joined') or return 0;

    @{$who}{qw(epoch offset)} = @{$joined}{qw(epoch offset)};
    # what was said before it came
    $ws->fence;
    $ws->clear;

    return 1;
}


sub resume {
    my ($who) = @_;
    my $channel = "conversation:$who->{room}";

    $who->{ws}->send_json('resume', { channels => { $channel => {
        epoch => $who->{epoch}, offset => $who->{offset} } } });

    my $resumed = quietly($who->{ws}, 'resumed') or return 0;
    my $place = $resumed->{payload}{channels}{$channel};

    die "$who->{user} has not recovered: " . JSON::PP::encode_json($resumed)
        . " after $who->{offset}\n" if !$place->{recovered};
    $who->{back}++;

    return 1;
}


# As wait_for(), which tells what it has not found.

sub quietly {
    my ($ws, $type, $condition) = @_;

    open my $null, '>', '/dev/null' or die "/dev/null: $!\n";
    my $old = select $null;
    my $event = $ws->wait_for($type, $condition, 10);
    select $old;

    return $event;
}


# Until it is acknowledged: with the same id it is the same message.

sub say_it {
    my ($who, $n) = @_;
    my $deadline = time + WAIT;

    while (time < $deadline) {
        come($who) if !$who->{ws};

        my $ws = $who->{ws};
        my $sent = $ws->send_json('chat:send_message', {
            conversation_id => $who->{room}, content => "n $n",
            client_message_id => "$$-$n" }, "n$n");
        my $answer = $sent && quietly($ws, qr/^(?:ack|error)$/,
                                      sub { ($_[0]{id} // '') eq "n$n" });

        # nobody asks for what she hears herself
        note_places($who);
        return if $answer && $answer->{type} eq 'ack';

        die "refused: $answer->{payload}{code}\n"
            if $answer && $answer->{payload}{code} ne 'unavailable';

        if (!$answer) {
            $ws->drop;
            delete $who->{ws};
        }
    }

    die "message $n is not acknowledged\n";
}


sub note_places {
    my ($who) = @_;

    for my $event ($who->{ws}->events) {
        $who->{offset} = $event->{offset}
            if ($event->{channel} // '') eq "conversation:$who->{room}"
               && $event->{offset};
    }

    $who->{ws}->clear;
}


sub hear_it {
    my ($who, $n) = @_;
    my $deadline = time + WAIT;

    while (time < $deadline) {
        my $event = $who->{ws} && $who->{ws}->recv_json(10);

        if (!$event) {
            $who->{ws}->drop if $who->{ws};
            come($who);
            next;
        }

        my $channel = $event->{channel} // '';
        next if $channel ne "conversation:$who->{room}" || !$event->{offset};

        die "$who->{user}: $event->{offset} after $who->{offset}\n"
            if $event->{offset} <= $who->{offset};
        $who->{offset} = $event->{offset};

        next if $event->{type} ne 'chat:new_message';

        my $heard = $event->{payload}{content};
        return if $heard eq "n $n";
        die "$who->{user} has heard \"$heard\" for \"n $n\"\n";
    }

    die "message $n is not heard\n";
}


sub riders_ok {
    my ($name, @riders) = @_;
    my @answers = map { answer_of($_) } @riders;
    my ($count, $back) = (0, 0);

    for my $one (@answers) {
        $count += $one->{count} // 0;
        $back += $one->{back} // 0;
    }

    is_deeply([grep { defined } map { $_->{fault} } @answers], [],
              "$name: nothing is lost or doubled");
    cmp_ok($back, '>', 0, "$name: they came back");
    note("$count messages, $back resumptions");
}


1;
