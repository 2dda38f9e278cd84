#!/usr/bin/perl

# Events that are gone from the database before all had heard them, while
# somebody who is about to be told that misses some more, or cannot be told.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Chat;
use RTProp::Durable;
use RTProp::Gate;
use RTProp::Test;

my $pg = RTProp::Durable->serve;
my $database = 'lost';
$pg->sql("CREATE DATABASE $database TEMPLATE rtprop_template");

my $gate = RTProp::Gate->new;
my $nginx = rtprop_nginx(
    $gate->options('rtprop_postgres "' . $pg->conninfo(dbname => $database)
                   . qq{";\n}),
    workers => 1, location => 'rtprop_rate message off;');

$nginx->wait_until(sub { http()->get('/health')->{json}{status} eq 'ok' }, 30);

sub loses { $pg->untold($database, "conversation:$_[0]", 1, 1) }

sub held {
    my ($operation, $id, $n) = @_;
    return $gate->wait_lines(qr/ $operation conversation:$id .*h$/, $n);
}

sub anew { metric('rtprop_hub_anew_total') }

sub metric {
    my ($value) = http()->get('/metrics')->{body} =~ /^\Q$_[0]\E (\d+)/m;
    return $value;
}

conversation('c1', qw(ann ben));
my ($ann, $ben) = map { client(user => $_) } qw(ann ben);
joins($_, 'c1') for $ann, $ben;
says($ann, 'c1', 'one');
gets($ben, 'one');
$_->fence, $_->clear for $ann, $ben;


# ---- once more, when its new place is known, but not yet told

$gate->set(get => 'h', 'conversation:c1');
loses('c1');
ok(held(get => 'c1', 1), 'two are about to be told');
ok($nginx->wait_until(sub { anew() == 2 }), 'which is counted');
$gate->set(history => 'pphp', 'conversation:c1');
$gate->clear('get');
ok(held(history => 'c1', 1), 'the state is being read');
loses('c1');
ok($nginx->wait_until(sub { anew() == 4 }), 'something else is lost');
$gate->clear('history');

# whose state is read after that needs one answer, the other one needs two

for my $ws ($ann, $ben) {
    my ($told, $state) = ({ offset => 0 });

    for (1 .. 2) {
        last if $told->{offset} == 3;
        $state = $ws->wait_for('chat:joined');
        $told = $ws->wait_for('resumed')->{payload}{channels};
        $told = $told->{'conversation:c1'};
        is($told->{recovered}, JSON::PP::false, 'a loss is told');
        is($told->{offset}, $state->{offset}, 'and the state goes with it');
    }

    is($told->{offset}, 3, 'at last from behind all that is lost');
}

my $last = says($ann, 'c1', 'two');

is(gets($ben, 'two')->{offset}, 4, 'what comes then is heard');
is($last->{offset}, 4, 'by all');


# ---- who cannot be told

$gate->set(get => 'f', 'conversation:c1');
loses('c1');
is(($_->wait_close)[0], 1013, 'who cannot be given the state comes back')
    for $ann, $ben;
$gate->clear('get');

$ben = client(user => 'ben');
is(joins($ben, 'c1')->{offset}, 5, 'and has it then');

done_testing();
