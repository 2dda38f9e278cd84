#!/usr/bin/perl

# The engine's operations, on several workers, over kills and reloads: the cases
# of both engines (redis.t runs them with RTPROP_TEST_ENGINE=redis).

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Test::More;

use Ops;

use constant { OK => 0, ERROR => -1, BUSY => -3, DECLINED => -5, ABORT => -6 };

my $ops = Ops->start;
my ($res, @notes);


# ---- memory: the ring, a sixteenth of the zone, is resident from the start

if (!$ops->redis) {
    for my $pid (map { $ops->pid($_) } 0 .. 3) {
        my ($kb) = RTProp::Nginx::slurp("/proc/$pid/status")
                   =~ /^RssShmem:\s+(\d+) kB/m;
        cmp_ok($kb, '>=', 256, 'the ring does not grow with what is said');
    }
}


# ---- publishing and delivery

$ops->listen('c:1', 'big');

$res = $ops->call(0, publish => channel => 'c:1', type => 'a', payload => '{}');
is($res->{rc}, OK, 'published');
is($res->{offset}, 1, 'offsets begin with 1');
my $epoch = $res->{epoch};

$res = $ops->call(1, publish => channel => 'c:1', type => 'b', payload => '{}');
is($res->{offset}, 2, 'the next one is counted on in another worker');
is($res->{epoch}, $epoch, 'in the same epoch');

$res = $ops->call(2, publish => channel => 'c:1', type => 'v', flags => 1,
                  payload => '{"x":1}', skip => 'u9', user => 'u8');
is($res->{offset}, 0, 'a volatile event has no offset');
is($res->{epoch}, $epoch, 'but the epoch');

for my $w (0 .. 3) {
    my @events;
    $ops->wait_for(sub {
        push @events, grep { /^event/ } @{$ops->call($w, 'seen')->{lines}};
        return @events >= 3;
    });
    is_deeply(\@events, ["event c:1 a 1 $epoch 2  ",
                         "event c:1 b 2 $epoch 2  ",
                         "event c:1 v 0 $epoch 7 u9 u8"],
              "worker $w has got all in order");
}


# ---- history

$res = $ops->call(3, history => channel => 'c:1', limit => 10);
is_deeply($res->{lines},
          ["rc=0 recovered=0 epoch=$epoch offset=2 first=1 n=2 more=0",
           'event c:1 a 1 2 0', 'event c:1 b 2 2 0'], 'history, no claim');

$res = $ops->call(3, history => channel => 'c:1', limit => 10,
                  epoch => $epoch, since => 1);
is("$res->{recovered} $res->{n}", '1 1', 'what came after is recovered');

$res = $ops->call(3, history => channel => 'c:1', limit => 0,
                  epoch => $epoch, since => 2);
is("$res->{recovered} $res->{n}", '1 0', 'nothing was missed');

$res = $ops->call(3, history => channel => 'c:1', limit => 0,
                  epoch => $epoch, since => 1);
is("$res->{recovered} $res->{offset}", '0 2', 'position only: something was');

$res = $ops->call(3, history => channel => 'c:1', limit => 10, epoch => 'abc',
                  since => 1);
is("$res->{recovered} $res->{n} $res->{epoch}", "0 0 $epoch",
   'an unknown epoch recovers nothing');

$res = $ops->call(3, history => channel => 'c:1', limit => 10,
                  epoch => $epoch, since => 7);
is($res->{recovered}, 0, 'an offset yet to come is none');

$res = $ops->call(3, history => channel => 'c:1', limit => 1, tail => 1);
is_deeply([@{$res->{lines}}[1 .. $#{$res->{lines}}]], ['event c:1 b 2 2 0'],
          'the newest');

$ops->call(0, publish => channel => 'c:1', type => "n", payload => '1',
           n => 20);
$res = $ops->call(3, history => channel => 'c:1', limit => 5,
                  epoch => $epoch, since => 2);
is("$res->{recovered} $res->{n} $res->{lines}[1]",
   '0 5 event c:1 n 3 1 0', 'more than the limit: the oldest, not recovered');

$res = $ops->call(3, history => channel => 'c:1', limit => 5, tail => 1,
                  epoch => $epoch, since => 2);
is("$res->{recovered} $res->{n} $res->{lines}[1]",
   '0 5 event c:1 n 18 1 0', 'or the newest');

$res = $ops->call(0, history => channel => 'c:2', limit => 5);
is("$res->{rc} $res->{offset} $res->{recovered}", '0 0 0', 'no such channel');
my $none = $res->{epoch};
isnt($none, '0', 'it has an epoch');

$res = $ops->call(1, history => channel => 'c:2', limit => 5,
                  epoch => $none);
is($res->{recovered}, 1, 'which can be resumed from');

$ops->call(1, publish => channel => 'c:2', type => 'first', payload => '1');
$res = $ops->call(2, history => channel => 'c:2', limit => 5,
                  epoch => $none);
is("$res->{recovered} $res->{n}", '1 1', 'also when it came to be meanwhile');


# ---- history by flags and ids

$ops->call(0, publish => channel => 'p', type => 'm', payload => '1',
           id => 100 + $_, flags => $_ % 2 ? 8 : 4) for 1 .. 10;

sub page {
    my $r = $ops->call(1, history => channel => 'p', limit => 3, @_);
    return join ' ', "$r->{recovered}$r->{more}",
           map { /^event p m (\d+)/ } @{$r->{lines}};
}

is(page(tail => 1), '01 8 9 10', 'the newest');
is(page(tail => 1, flags => 8), '01 5 7 9', 'the newest with a flag');
is(page(tail => 1, flags => 8, before => 105), '00 1 3', 'before an id');
is(page(tail => 1, before => 104), '00 1 2 3', 'and there are no older ones');
is(page(tail => 1, before => 101), '00', 'nothing is older');
is(page(tail => 1, before => 1000), '01 8 9 10', 'an id yet to come');
is(page(flags => 4), '01 2 4 6', 'the oldest with a flag');
my $ep = $ops->call(0, history => channel => 'p')->{epoch};
is(page(epoch => $ep, since => 7), '10 8 9 10', 'recovered');
is(page(epoch => $ep, since => 7, flags => 4), '10 8 10', 'a flag or not');
is(page(epoch => $ep, since => 6), '01 7 8 9', 'too much');


# ---- big events

$res = $ops->call(0, publish => channel => 'big', type => 'big',
                  size => 200000);
is("$res->{rc} $res->{offset}", '0 1', 'bigger than the ring takes');
@notes = $ops->wait_note(qr/^event big big 1 /);
ok(@notes, 'is delivered by reference');
$res = $ops->call(1, history => channel => 'big', limit => 1);
is($res->{lines}[1], 'event big big 1 200000 0', 'and whole in history');
$res = $ops->call(0, publish => channel => 'big', type => 'big',
                  size => 200000, flags => 1);
is($res->{rc}, $ops->redis ? OK : ERROR, 'a volatile one has no place there');
$res = $ops->call(0, publish => channel => 'big', type => 'big',
                  size => $ops->redis ? 17000000 : 2000000);
is($res->{rc}, BUSY, 'and so is what is bigger than all there is room for');


# ---- documents

$res = $ops->call(0, get => key => 'd');
is("$res->{rc} $res->{version}", DECLINED . ' 0', 'no document');
$res = $ops->call(0, put => key => 'd', value => 'one');
is("$res->{rc} $res->{version}", '0 1', 'made');
$res = $ops->call(1, put => key => 'd', value => 'two', version => 1,
                  channel => 'd:d', type => 'put', payload => '1');
is("$res->{rc} $res->{version} $res->{offset}", '0 2 1',
   'changed, with an event');
$res = $ops->call(2, put => key => 'd', value => 'three', version => 1,
                  channel => 'd:d', type => 'put', payload => '1');
is("$res->{rc} $res->{version} $res->{value} $res->{offset}",
   DECLINED . ' 2 two 0', 'a conflict gives the current one');
$res = $ops->call(3, put => key => 'd', value => 'late', version => 2,
                  late => 1, channel => 'd:d', type => 'put', payload => '1');
is("$res->{rc} $res->{version}", ABORT . ' 2', 'too late');
$res = $ops->call(3, history => channel => 'd:d', limit => 9);
is($res->{offset}, 1, 'neither has published');
$res = $ops->call(3, get => key => 'd');
is("$res->{rc} $res->{value}", '0 two', 'nor written');
$res = $ops->call(3, put => key => 'd', version => 2);
is("$res->{rc} $res->{version}", '0 0', 'deleted');
$res = $ops->call(0, get => key => 'd');
is($res->{rc}, DECLINED, 'is gone');

$res = $ops->call(0, put => key => 't', value => 'x', ttl => 300);
is($ops->call(1, get => key => 't')->{rc}, OK, 'is there for its time');
ok($ops->wait_for(sub { $ops->call(1, 'get', key => 't')->{rc} == DECLINED }),
   'and no longer');
$res = $ops->call(0, put => key => 't', value => 'y', version => 0);
is("$res->{rc} $res->{version}", '0 1', 'and can be made again');


# ---- presence

sub who {
    my ($add, $w, $user, $session, %more) = @_;
    my $r = $ops->call($w, $add, set => 's', user => $user,
                       session => $session, %more);
    return "$r->{rc} $r->{sessions} $r->{users} $r->{changed}";
}

is(who('add', 0, 'ann', 'a1', info => 'i1'), '0 1 1 1', 'a user comes');
is(who('add', 1, 'ann', 'a2', info => 'i2'), '0 2 1 0', 'by a second session');
is(who('add', 1, 'bob', 'b1', info => 'i3'), '0 1 2 1', 'another user');
is(who('add', 1, 'ann', 'a3', max => 2), '-5 2 2 0', 'no more than the most');
is(who('add', 0, 'ann', 'a1', info => 'i4', max => 2), '0 2 2 0',
   'the same session again');

$res = $ops->call(2, members => set => 's', limit => 9);
is_deeply([sort @{$res->{lines}}],
          ['member ann i4 2 a1--------------',
           'member bob i3 1 b1--------------',
           'rc=0 users=2 sessions=3 n=2'], 'users, with the newest info');
$res = $ops->call(2, members => set => 's', user => 'ann', limit => 1);
is("$res->{users} $res->{sessions} $res->{n}", '1 2 1', 'sessions of one');
$res = $ops->call(2, members => set => 's', limit => 0);
is("$res->{users} $res->{sessions} $res->{n}", '2 3 0', 'counted only');

is(who('remove', 2, 'ann', 'a2'), '0 1 2 0', 'a session goes');
is(who('remove', 2, 'ann', 'a2'), '0 1 2 0', 'only once');
is(who('remove', 2, 'ann', 'a1'), '0 0 1 1', 'the user with the last');
is(who('remove', 2, 'bob', 'b1'), '0 0 0 1', 'all are gone');
is($ops->call(2, members => set => 's', limit => 9)->{users}, 0,
   'nobody is there');


# ---- leases

$res = $ops->call(0, lease => name => 'l', ttl => 60000);
is($res->{rc}, OK, 'a lease');
my $fence = $res->{fence};
$res = $ops->call(1, lease => name => 'l', ttl => 60000);
is($res->{rc}, DECLINED, 'is not for two');
$res = $ops->call(0, lease => name => 'l', ttl => 60000, fence => $fence);
is("$res->{rc} $res->{fence}", "0 $fence", 'renewed');
is($ops->call(1, release => name => 'l', fence => 1 + $fence)->{rc}, DECLINED,
   'only the holder gives it up');
is($ops->call(0, release => name => 'l', fence => $fence)->{rc}, OK, 'so');
$res = $ops->call(1, lease => name => 'l', ttl => 1);
cmp_ok($res->{fence}, '>', $fence, 'the fence grows');
$fence = $res->{fence};
ok($ops->wait_for(sub {
    $res = $ops->call(2, lease => name => 'l', ttl => 60000);
    return $res->{rc} == OK;
}), 'a lease ends by itself');
cmp_ok($res->{fence}, '>', $fence, 'and the fence grows');


# ---- counters

is($ops->call(0, counter => name => 'n', delta => 5)->{value}, 5, 'counted');
is($ops->call(1, counter => name => 'n', delta => -7)->{value}, -2, 'down');
is($ops->call(2, counter => name => 'n')->{value}, -2, 'read');


# ---- rates

my @rates = map { $ops->call($_ % 4, rate => user => 'u', class => 2,
                             rate => 1000, burst => 5)->{rc} } 1 .. 6;
is_deeply(\@rates, [0, 0, 0, 0, 0, DECLINED],
          'the sixth is refused, over all workers');
is($ops->call(0, rate => user => 'v', class => 2, rate => 1000,
              burst => 5)->{rc}, OK, 'another user is not');


# ---- jobs

$ops->call(0, schedule => key => 'j1', payload => 'p1', due => 50);
@notes = $ops->wait_note(qr/^job j1/);
is(scalar(grep { /^job j1 p1/ } @notes), 1, 'a job is done, once');

$ops->call(0, schedule => key => 'j2', payload => 'never', due => 100000);
$ops->call(1, schedule => key => 'j2', payload => 'now', due => 10);
@notes = $ops->wait_note(qr/^job j2/);
is_deeply([grep { s/^job j2 (\w+).*/$1/ } @notes], ['now'],
          'the same key replaces');

$ops->call(0, schedule => key => 'j3', payload => 'x', due => 100000);
$ops->call(0, schedule => key => 'j3');

$ops->call($_ % 4, schedule => key => "k$_", payload => 'x', due => 20)
    for 1 .. 50;
my %done;
$ops->wait_for(sub {
    $done{$_}++ for map { /^job (k\d+)/ } map { @$_ } $ops->notes;
    return keys %done == 50;
});
is(join(' ', grep { $done{"k$_"} == 1 } 1 .. 50), join(' ', 1 .. 50),
   'many jobs, each once');


# ---- channels

$ops->call($_, history => channel => 'sub:1', subscribe => 1) for 0, 0, 1;
$res = $ops->call(3, channels => prefix => 'sub:1', exact => 1, limit => 1);
like($res->{lines}[1], qr/^channel sub:1 \w+ 0 3$/, 'subscribers are counted');
$ops->call(0, unsubscribe => channel => 'sub:1', n => 2);
ok($ops->wait_for(sub {
    $res = $ops->call(3, channels => prefix => 'sub:', limit => 10);
    return ($res->{lines}[1] // '') =~ /^channel sub:1 \w+ 0 1$/;
}), 'and counted out');
$ops->call(1, unsubscribe => channel => 'sub:1', n => 1);
ok($ops->wait_for(sub {
    $ops->call(3, channels => prefix => 'sub:', limit => 10)->{n} == 0;
}), 'a channel without event and subscriber is none');

ok($ops->whole(0), 'the zone is whole');


# ---- a worker dies

$ops->notes;
my $epoch_before = $ops->call(1, history => channel => 'c:1')->{epoch};

who('add', 0, 'ann', 'a1', info => 'i1');
who('add', 0, 'bob', 'b1', info => 'i2');
who('add', 1, 'bob', 'b2', info => 'i3');
$ops->call(0, history => channel => 'sub:2', subscribe => 1);
$ops->call(0, lease => name => 'dead', ttl => 600000);
$ops->call(0, publish => channel => 'stat', type => 'x', payload => '1');

my ($published) = $ops->call(1, 'stats')->{body}
                  =~ /^rtprop_engine_published_total (\d+)/m;

my $pid = $ops->pid(1);
$ops->kill(0);

@notes = $ops->wait_note(qr/^gone/, 4);
is_deeply([grep { /^gone/ } @notes], ['gone s ann i1 1'],
          'its users are gone, once, if they have nobody else');
$res = $ops->call(1, members => set => 's', limit => 9);
is("$res->{users} $res->{sessions}", '1 1', 'out of the set');
ok($ops->wait_for(sub {
    $ops->call(1, channels => prefix => 'sub:2', limit => 1)->{n} == 0;
}), 'its subscriptions too');
ok($ops->wait_for(sub {
    $ops->call(1, lease => name => 'dead', ttl => 1000)->{rc} == OK;
}), 'its leases are free');
is($ops->call(1, history => channel => 'c:1')->{epoch}, $epoch_before,
   'history stays');
is(($ops->call(1, 'stats')->{body}
    =~ /^rtprop_engine_published_total (\d+)/m)[0], $published,
   'its counts are kept');
ok($ops->whole(2), 'the zone is whole');


# ---- a worker dies with the lock, in the middle

if ($ops->redis) {
    $ops->kill($ops->index($pid));
} else {
    $ops->die($ops->index($pid), 'die');
}

@notes = $ops->wait_note(qr/^gone s bob i3 0/, 4);
ok(@notes, 'the other session is gone as well');
ok($ops->whole(0), 'all was put back');
is($ops->call(0, publish => channel => 'c:1', type => 'x',
              payload => '1')->{rc}, OK, 'nothing is locked');


# ---- a job whose worker dies is done by another

$ops->call(0, schedule => key => 'k', payload => 'keep', due => 10);
my $who = $ops->wait_for(sub {
    my @n = $ops->notes;
    my ($i) = grep { grep { /^job k keep/ } @{$n[$_]} } 0 .. $#n;
    return defined $i ? $i + 1 : 0;
});
ok($who, 'claimed');
$ops->kill($who - 1);
ok($ops->wait_note(qr/^job k keep/, 4), 'claimed by another at once');
$ops->call(0, schedule => key => 'k');


# ---- reload

$ops->call(0, put => key => 'kept', value => 'v');
$ops->call(0, schedule => key => 'r', payload => 'x', due => 1500);
my $offset = $ops->call(0, publish => channel => 'r', type => 'x',
                        payload => '1')->{offset};
my @old = map { $ops->pid($_) } 0 .. 3;
$ops->nginx->reload;
$ops->meet;
is(scalar(grep { my $p = $_; grep { $_ == $p } @old }
          map { $ops->pid($_) } 0 .. 3), 0, 'all workers are new');
is($ops->call(0, get => key => 'kept')->{value}, 'v', 'documents stay');
is($ops->call(0, publish => channel => 'r', type => 'x',
              payload => '1')->{offset}, $offset + 1, 'channels go on');
ok($ops->wait_note(qr/^job r /, 5), 'jobs too');
ok($ops->wait_for(sub { !$ops->nginx->draining && $ops->whole(0) }, 10),
   'the zone is whole');

if (!$ops->redis) {
    $ops->{zone} = '5m';
    $ops->nginx->reload(full => $ops->conf);
    $ops->meet;
    is($ops->call(0, get => key => 'kept')->{rc}, DECLINED,
       'a zone of another size begins empty');
    ok($ops->nginx->wait_log(qr/the zone "ops" of 5242880 octets starts empty/),
       'and says so');
    $ops->listen;
    $ops->call(0, publish => channel => 'c:1', type => 'again', payload => '1');
    for my $w (0 .. 3) {
        ok($ops->wait_for(sub {
            grep { /^event c:1 again 1 / } @{$ops->call($w, 'seen')->{lines}}
        }), "worker $w is woken");
    }
}

$ops->nginx->allow(qr/was locked by/);
is_deeply([$ops->stop], [], 'nothing else in the log');

done_testing();
