#!/usr/bin/perl

# The time of day steps back and forth: what counts in seconds goes on, order
# and identity stay, and what is due comes once.

use strict;
use warnings;

use Time::HiRes ();
use Time::Local qw(timegm);

use lib 't/lib', 't/hard', 't/auction', 't/engine';
use Auction;
use Hard;
use Ops;
use RTProp::Chat;
use RTProp::Test;

use constant { HOUR => 3_600_000, DAY => 86_400_000 };

my $nginx = serve(more => <<'END');
        location /rate {
            rtprop native;
            rtprop_jwt_key jwt.key;
            rtprop_errors 60000/1m;
        }
END
my %in = (claims => { conversations => ['c1'], exp => time + 100 * 86_400 });
my $epoch;
my @steps = (HOUR, -HOUR, 0, 10 * DAY, 0, -10 * DAY, 0, 1, -1, 0);

@steps = (@steps) x full(10, 1);


# RFC 3339 in milliseconds.

sub ms_of {
    my ($y, $mon, $d, $h, $min, $s, $ms) =
        $_[0] =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)\.(\d+)Z$/ or return 0;
    return 1000 * timegm($s, $min, $h, $d, $mon - 1, $y) + $ms;
}


# Steps there and back are noticed by what the server says of its time.

sub step {
    my ($ms, $ws) = @_;

    shift_clock($ms);

    return until_true(sub {
        $ws->send_json('ping');
        my $pong = $ws->wait_for('pong') or return 0;
        my $said = ms_of($pong->{payload}{server_time});
        return abs($said - (1000 * Time::HiRes::time() + $ms)) < 20_000;
    });
}


rounds('a clock that steps', sub {
    my ($round) = @_;
    my $witness = witness();
    my ($ann, $ben) = map { client(user => $_, %in) } 'ann', 'ben';
    my ($offset, %ids);

    joins($_, 'c1', limit => 1) for $ann, $ben;
    $_->fence && $_->clear for $ann, $ben;

    my @bad;
    my $n = 0;

    for my $ms (@steps) {
        $n++;
        step($ms, $ben) or push @bad, "$ms: not there";

        my $text = "round $round, step $n";
        my $message = says($ann, 'c1', $text) or push @bad, "$ms: lost";
        my $heard = gets($ben, $text) or push @bad, "$ms: not heard";

        push @bad, "$ms: out of order"
            if defined $offset && $heard->{offset} <= $offset;
        push @bad, "$ms: the same id" if $ids{$heard->{payload}{id}}++;
        $offset = $heard->{offset};

        # a rate of its own time
        $ann->send_json('chat:typing', { conversation_id => 'c1' });
        $ben->wait_for('chat:user_typing') or push @bad, "$ms: typing";
        $ann->send_json('chat:typing', { conversation_id => 'c1',
                                         is_typing => false });
        $ben->wait_for('chat:user_stopped_typing')
            or push @bad, "$ms: typing ends";

        # what was missed can be had, whatever time it was said
        my $back = client(user => 'ben', %in);
        $back->send_json('resume', { channels => { 'conversation:c1' => {
            epoch => place(), offset => $offset - 1 } } });
        my $resumed = $back->wait_for('resumed');
        push @bad, "$ms: not recovered" if !$resumed
            || !$resumed->{payload}{channels}{'conversation:c1'}{recovered};
        $back->close;
        $_->clear for $ann, $ben;
    }

    is_deeply(\@bad, [], 'at each step all is in order');
    $_->close for $ann, $ben;
    served($witness, 'steps');
}, kept => 1);


sub place {
    return $epoch //= api(GET => '/api/channels/conversation:c1')
                      ->{json}{epoch};
}


# A rate: a step back does not shut it, nor a step forth open it.

{
    my $ws = client(user => 'rate', path => '/rate', %in);
    for my $ms (0, -DAY, DAY, 0) {
        step($ms, client(user => 'watch', %in));
        $ws->send_json('ping') for 1 .. 60;
        $ws->fence;

        ok((grep { ($_->{payload}{code} // '') eq 'rate_limited' }
            $ws->events), "rate at $ms: more than that is refused");
        $ws->clear;
        ok(until_true(sub {
            $ws->send_json('ping');
            my $answer = $ws->wait_for(qr/^(?:pong|error)$/);
            return $answer && $answer->{type} eq 'pong';
        }, 10), "rate at $ms: then it goes on");
    }

    $ws->drop;
}


# An auction whose end is passed by a step ends, once; one that is not goes on.

{
    my $ws = client(user => 'bidder', %in);

    auction('short', ends_in => 2 * HOUR);
    auction('long', ends_in => 20 * DAY);
    $ws->send_json('auction:join', { auction_id => $_ }, $_)
        for 'short', 'long';
    $ws->wait_for('auction:state') for 1, 2;

    step(3 * HOUR, $ws);
    ok($ws->wait_for('auction:ended',
                     sub { $_[0]{payload}{auction_id} eq 'short' }, 20),
       'the end that was passed');
    step(0, $ws);
    step(-HOUR, $ws);
    ok($ws->no_event('auction:ended'), 'and not once more');

    my ($said) = bid($ws, 'short', 1100);
    is($said->{code}, 'auction_ended', 'over is over, before its time, too');
    ($said) = bid($ws, 'long', 1100);
    is($said->{amount}, 1100, 'the other one goes on');
    act('long', 'cancel');
    $ws->close;
    step(0, client(user => 'watch', %in));
}


# A worker killed while the clock is elsewhere is noticed as ever.

{
    # those who watched have gone
    until_true(sub { metric('rtprop_connections_active') == 0
                     && metric('rtprop_ws_connections') == 0 });
    my $base = gauges();
    my @clients = map { client(user => "k$_", %in) } 1 .. 5;

    shift_clock(-DAY);
    $nginx->kill_worker for 1, 2;
    $_->drop for @clients;
    settled($base, 'killed at another time', killed => 1);
    shift_clock(0);
}


# A claim made while the clock was ahead is over when it is back.

SKIP: {
    skip 'Redis has a clock of its own', 2
        if ($ENV{RTPROP_TEST_ENGINE} // '') eq 'redis';

    my $ops = with_shim(sub { Ops->start(workers => 2) });

    shift_clock(HOUR);
    $ops->call(0, schedule => key => 'then', payload => 'keep', due => 10);
    ok($ops->wait_note(qr/^job then keep/, 20), 'claimed an hour ahead');

    shift_clock(0);
    ok($ops->wait_note(qr/^job then keep/, 20), 'the job comes again today');
}

done_testing();
