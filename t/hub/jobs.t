#!/usr/bin/perl

# Jobs that the engine cannot take: they wait, are asked for again, and the
# newest request for a key counts; their number has a bound; a worker does not
# leave before them, but for a minute.

use strict;
use warnings;

use lib 't/lib', 't/auction', 't/hard';
use Auction;
use Hard qw(shift_steady with_shim);
use RTProp::Gate;
use RTProp::Test;

use constant DAY => 86_400_000;

my $gate = RTProp::Gate->new;
my $nginx = with_shim(sub {
    rtprop_nginx($gate->options("rtprop_drain 0;\n"),
                 http => "rtprop_zone rtprop 16m;\n", workers => 1);
});
my $due = now_ms() + DAY;

sub metric {
    my ($name) = @_;
    my ($value) = http()->get('/metrics')->{body}
                  =~ /^rtprop_hub_jobs_\Q$name\E (\d+)$/m;
    return $value;
}

sub metric_is {
    my ($name, $want) = @_;
    return $nginx->wait_until(sub { metric($name) == $want });
}

# What was said to requests for a key, with their times after the first's.

sub said {
    my ($key) = @_;
    return join ' ', map { / (\d+) (\w.*)$/ ? ($1 - $due) . $2 : () }
                     $gate->lines(qr/ schedule \Q$key\E /);
}


# ------------------------------------------------------------------ once more

$gate->set(schedule => 'ffp', 'again');
$gate->ask(again => $due);
ok(metric_is(unscheduled => 1), 'a job that the engine did not take waits');
$gate->wait_lines(qr/ schedule again \d+ p/);
is(said('again'), '0f 0f 0p',
   'it is asked for again, with nothing left from the time before');
ok(metric_is(unscheduled => 0), 'and waits no longer');

$gate->set(schedule => 'bp', 'room');
$gate->ask(room => $due);
ok($gate->wait_lines(qr/ schedule room \d+ p/), 'so if there was no room');


# ---------------------------------------------------------------- the newest

# one that waits, and one that is asked for meanwhile

$gate->set(schedule => 'fp', 'waits');
$gate->ask(waits => $due);
$gate->ask(waits => $due + 1);
ok(metric_is(unscheduled => 0), 'what waits gives way to what is newer');
is(said('waits'), '0f 1p', 'which is the only one');

# one that fails when the newer is under way, beside one that has no newer

$gate->set(schedule => 'h');
$gate->ask(both => $due, both => $due + 1, single => $due);
$gate->wait_lines(qr/ schedule single \d+ h/);
$gate->set(schedule => 'fpfp');
$gate->wait_lines(qr/ schedule single \d+ p/);
is(said('single'), '0h 0f 0p', 'a job fails and is asked for again');
is(said('both'), '0h 1h 0f 1p', 'not one that has a newer');

# both fail

$gate->set(schedule => 'h');
$gate->ask(none => $due, none => $due + 1, last => $due);
$gate->wait_lines(qr/ schedule last \d+ h/);
$gate->set(schedule => 'fffp');
$gate->wait_lines(qr/ schedule last \d+ p/);
is(said('none'), '0h 1h 0f 1f 1p', 'of two that fail the newer is');

# it is taken off while the first is under way

$gate->set(schedule => 'h');
$gate->ask(off => $due, off => 0, end => $due);
$gate->wait_lines(qr/ schedule end \d+ h/);
$gate->set(schedule => 'fpfp');
$gate->wait_lines(qr/ schedule end \d+ p/);
is(scalar(grep { / $due / } $gate->lines(qr/ schedule off /)), 2,
   'one that was taken off does not come back');
$gate->clear('schedule');


# ------------------------------------------------------------- not done twice

# a job is the engine's until what was asked for instead is there

$gate->set(schedule => 'pfp', 'auction:a1');
auction('a1', starts_in => 200);
ok($gate->wait_lines(qr/ schedule auction:a1 \d+ f/),
   'an auction starts, its end cannot be scheduled');
ok($gate->wait_lines(qr/ schedule auction:a1 \d+ p/, 2), 'and is, later');
is(scalar $gate->lines(qr/ schedule auction:a1 \d+ done/), 0,
   'its job was not forgotten meanwhile');
is(api(GET => '/api/auctions/a1')->{json}{status}, 'live', 'it is live');


# ---------------------------------------------- nothing counts on one's memory

# what is acknowledged has a job that another worker runs, or is refused

$gate->set(schedule => 'f');
is(auction('a2', starts_in => 60_000)->{status}, 503,
   'an auction whose clock cannot be scheduled is refused');
is(api(GET => '/api/auctions/a2')->{status}, 404, 'and is not there');
is(act('a1', 'pause')->{status}, 503, 'an order to one as well');
is(api(GET => '/api/auctions/a1')->{json}{status}, 'live',
   'which changes nothing');

$gate->set(schedule => 'f', 'auction:a2');
is(auction('a2', starts_in => 1500)->{status}, 201,
   'its job is refused behind the commit: the look at it is there');
$gate->wait_lines(qr/ schedule auction:a2 \d+ f/);
$nginx->allow(qr/exited on signal 9/);
kill KILL => $nginx->workers;
$gate->clear('schedule');
ok($nginx->wait_until(sub {
    (api(GET => '/api/auctions/a2')->{json}{status} // '') eq 'live'
}), 'another worker starts it');


# ------------------------------------------------------------------ the bound

my $from = $nginx->log_size;
$gate->set(schedule => 'f');
$gate->ask('4100 many' => $due);
ok(metric_is(dropped_total => 4), 'too many: the others are given up');
is(metric('unscheduled'), 4096, 'and counted, as are those that wait');
is(() = substr($nginx->log, $from) =~ /\[error\].* given up/g, 1,
   'the log has one line of it');
cmp_ok(() = substr($nginx->log, $from) =~ /could not take/g, '<=', 1,
       'and one, if any, of those that wait');
$nginx->allow(qr/jobs given up, .* the engine: \d+, at last "many\d+"/);

$gate->set(schedule => 'k');
ok(metric_is(unscheduled => 0), 'the engine takes them');


# -------------------------------------------------------------------- leaving

my ($old) = $nginx->workers;
$gate->set(schedule => 'f', 'leaves');
$gate->ask(leaves => $due);
$nginx->reload;
my $tries = $gate->lines(qr/^$old schedule leaves /);
ok($gate->wait_lines(qr/^$old schedule leaves /, $tries + 2),
   'a worker that leaves goes on trying');
$gate->set(schedule => 'k', 'leaves');
ok($gate->wait_lines(qr/^$old schedule leaves \d+ k/), 'until it is done');
ok($nginx->wait_drained, 'then it is gone');

($old) = $nginx->workers;
$gate->set(schedule => 'h', 'under');
$gate->ask(under => $due);
$nginx->reload;
$gate->set(schedule => 'fk', 'under');
ok($gate->wait_lines(qr/^$old schedule under \d+ k/),
   'so with one that was under way');
ok($nginx->wait_drained, 'it is gone, too');

# the engine never takes it

($old) = $nginx->workers;
$gate->set(schedule => 'f', 'stays');
$gate->ask(stays => $due);
$nginx->reload;
my $dropped = metric('dropped_total');

for my $ms (0, 50_000) {
    $tries = $gate->lines(qr/^$old schedule stays /);
    shift_steady($ms);
    ok($gate->wait_lines(qr/^$old schedule stays /, $tries + 2),
       "after $ms ms it still tries");
}

$nginx->allow(qr/this worker, which leaves, gives up: 1/);
shift_steady(61_000);
ok($nginx->wait_drained, 'after a minute it gives up');
like($nginx->log, qr/this worker, which leaves, gives up: 1$/m, 'and says so');
is(metric('dropped_total'), $dropped + 1, 'it is counted');

$gate->set(schedule => 'f', 'ends');
$gate->ask(ends => $due);
ok(metric_is(unscheduled => 1), 'one that waits');
$nginx->stop;
like($nginx->log, qr/the engine had not taken when this worker ended: 1$/m,
     'is told of when nginx is stopped');

done_testing();
