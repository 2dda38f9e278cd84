#!/usr/bin/perl

# Events that are gone from the database before all had heard them: a hole in
# front of an event, in the midst of those that nobody told, or all of them.
# The channel goes on behind it, and who missed something is told.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Chat;
use RTProp::Durable;
use RTProp::Redis;
use RTProp::Test;

my $pg = RTProp::Durable->serve;
my $redis = RTProp::Redis->new->start;
my ($nginx, $database);


sub commit_untold {
    my ($id, $n, @gone) = @_;
    $pg->untold($database, "conversation:$id", $n, @gone);
}


sub metric {
    my ($value) = http()->get('/metrics')->{body} =~ /^\Q$_[0]\E (\d+)/m;
    return $value;
}


# Who misses something stays, and is told: the state first, then that it was not
# recovered.  Returns the state's frame.

sub told {
    my ($ws, $id) = @_;
    my $state = $ws->wait_for('chat:joined');
    my $found = $ws->wait_for('resumed')
                ->{payload}{channels}{"conversation:$id"};

    is_deeply($found, { recovered => false, missed => undef,
                        epoch => $state->{epoch},
                        offset => $state->{offset} }, 'who stays is told');
    return $state;
}


# Comes back to a place, and is told what became of it.

sub recovered {
    my ($user, $id, $place, $offset) = @_;
    my $ws = client(user => $user);

    $ws->send_json('resume', { channels => { "conversation:$id" =>
        { epoch => $place->{epoch}, offset => $offset } } });

    return ($ws->wait_for('resumed')
            ->{payload}{channels}{"conversation:$id"}{recovered}, $ws);
}


for my $engine (qw(embedded redis)) {
    $database = "purge_$engine";
    $pg->sql("CREATE DATABASE $database TEMPLATE rtprop_template");
    my $conninfo = $pg->conninfo(dbname => $database);

    $nginx = rtprop_nginx(workers => 2, allow => [qr/engine away|told later/],
        prefix => qq{rtprop_postgres "$conninfo";\n}
                  . ($engine eq 'redis'
                     ? "rtprop_engine redis;\nrtprop_redis unix:"
                       . $redis->socket . " retry=100ms;\n"
                       . "rtprop_redis_failover 300ms;\n" : ''));

    $nginx->wait_until(sub {
        http()->get('/health')->{json}{status} eq 'ok'
    }, 30);


    # ---- in the midst

    conversation('c1', qw(ann ben));
    my $ann = client(user => 'ann');
    my $place = joins($ann, 'c1');
    is(says($ann, 'c1', 'one')->{offset}, 1, "$engine: a message");

    commit_untold('c1', 5, 3);
    is($ann->wait_for('chat:news')->{offset}, 2,
       'what nobody told is told, up to a hole');
    is(told($ann, 'c1')->{offset}, 6, 'behind the hole');
    is($ann->wait_for('chat:new_message')->{payload}{content}, 'one',
       'with the last messages');
    is(says($ann, 'c1', 'two')->{offset}, 7, 'the channel goes on');

    my ($found, $back) = recovered(ann => 'c1', $place, 3);
    is($found, false, 'who comes back is told, too');
    ok((grep { $_->{type} eq 'chat:joined' } $back->events), 'with a state');
    is((recovered(ben => 'c1', $place, 4))[0], true,
       'who stood behind the hole has missed nothing');


    # ---- nothing is left, and an event comes behind it

    conversation('c2', qw(ann ben));
    my $ben = client(user => 'ben');
    $place = joins($ben, 'c2');
    is(says($ben, 'c2', 'one')->{offset}, 1, 'another channel');

    commit_untold('c2', 2, 1, 2);
    $ben->send_json('chat:send_message', { conversation_id => 'c2',
                                           content => 'two' });
    is(told($ben, 'c2')->{offset}, 4, 'a hole in front of a message');
    is($ben->wait_for('chat:new_message', sub {
        $_[0]{payload}{content} eq 'two'
    })->{offset}, 4, 'which comes with the state');
    is(says($ben, 'c2', 'three')->{offset}, 5, 'this one goes on as well');
    is((recovered(ben => 'c2', $place, 1))[0], false,
       'who comes back is told, too');


    # ---- nothing is left, nothing comes

    conversation('c3', qw(ann ben));
    my $cid = client(user => 'ann');
    $place = joins($cid, 'c3');
    is(says($cid, 'c3', 'one')->{offset}, 1, 'a third one');

    my $anew = metric('rtprop_durable_anew_total');
    cmp_ok($anew, '>=', 2, 'it is counted');
    commit_untold('c3', 1, 1);
    ok($nginx->wait_until(sub {
        metric('rtprop_durable_anew_total') > $anew
    }), 'whoever looks after the channels finds it');
    is(told($cid, 'c3')->{offset}, 2, 'who stayed hears of it by that alone');
    is((recovered(ben => 'c3', $place, 1))[0], false,
       'who comes back is told');

    next if $engine eq 'embedded';


    # ---- while Redis is away

    conversation('c4', qw(ann ben));
    my $dan = client(user => 'ann');
    $place = joins($dan, 'c4');
    is(says($dan, 'c4', 'one')->{offset}, 1, 'a channel');

    $nginx->allow(qr/Redis/);
    $redis->kill;
    ok($nginx->wait_until(sub {
        metric('rtprop_failover_active') == 2
    }), 'Redis is away');

    commit_untold('c4', 3, 2);
    is($dan->wait_for('chat:news')->{offset}, 2, 'what lies ahead of a hole');
    is(told($dan, 'c4')->{offset}, 4, 'then that something is missing');
    is(says($dan, 'c4', 'on')->{offset}, 5, 'it goes on without Redis');
}

done_testing();
