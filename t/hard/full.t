#!/usr/bin/perl

# The zone filled to the brim: old history gives way, then new things are
# refused, while what there is goes on; what is freed can be had again.

use strict;
use warnings;

use lib 't/lib', 't/hard', 't/auction';
use Auction;
use Hard;
use RTProp::Test;

my $nginx = serve(zone => '1m', connections => 8_000);


sub health { http()->get('/health')->{json} // {} }

sub handshake {
    my ($user) = @_;
    return client(user => $user, welcome => 0);
}


rounds('full of history', sub {
    my $witness = witness();
    my $before = metric('rtprop_engine_evicted_total');
    my ($n, %bad) = (0);

    until (metric('rtprop_engine_evicted_total') > $before + 1_000) {
        my @events = map {
            { channel => 'user:h' . $n++ % 3_000, type => 'x:event',
              payload => { pad => 'x' x 300 } }
        } 1 .. 20;

        my $res = api(POST => '/api/publish', \@events);
        $bad{"$res->{status} $res->{body}"}++ if $res->{status} != 200;
    }

    is_deeply(\%bad, {}, 'history: no event is refused');
    is(health()->{status}, 'ok', 'history: all is well');
    served($witness, 'history');
});


rounds('full of people', sub {
    my $witness = witness();
    my (@in, $ws);

    while (@in < 7_000) {
        $ws = handshake('p' . @in);
        last if $ws->status != 101;
        push @in, $ws;
    }

    cmp_ok(scalar @in, '>', 300, 'people: many come in');
    is($ws->status, 503, 'people: one more is refused');
    is($ws->body_json->{code}, 'unavailable', 'people: to come again');
    is($ws->body_json->{message}, 'there is no room now', 'people: why');
    is(health()->{status}, 'degraded', 'people: health says so');
    is(api(POST => '/api/publish', { channel => 'user:p1',
                                     type => 'x:event' })->{status}, 200,
       'people: events go on');
    ok($in[1]->wait_for('x:event'), 'people: and arrive');

    (shift @in)->close for 1 .. 50;
    ok(until_true(sub { ($ws = handshake('next'))->status == 101 }),
       'people: some go, another one comes in');
    $_->drop for @in, $ws;
    served($witness, 'people');
});

ok(until_true(sub { health()->{status} eq 'ok' }), 'all is well again');


# Documents last, since these stay.

{
    my $base = gauges();
    my ($n, $answer) = (0);

    auction('live');
    my ($ann, $ben) = map { joined($_, 'live') } 'ann', 'ben';
    $ann->send_json('property:view', 'd0');
    $ann->wait_for('property:state');
    my $witness = witness();
    ok(until_true(sub { metric('rtprop_ws_connections') == 4 }), 'all are in');

    do {
        $answer = put_property($n++, 600);
    } while ($answer->{status} == 201 && $n < 10_000);

    is($answer->{status}, 503, 'documents: one more is refused');
    is($answer->{json}{code}, 'unavailable', 'documents: to be tried again');
    is(health()->{status}, 'degraded', 'documents: health says so');

    # what there is goes on: each many times, as the reserve must not leak away

    my %bad;

    for my $i (1 .. 200) {
        my ($said, $type) = bid($i % 2 ? $ann : $ben, 'live',
                                1_000 + 100 * $i);
        $bad{"bid: $type"}++ if $type ne 'auction:bid_accepted';

        my $res = api(POST => '/api/broadcast/price-update',
                      { property_id => 'd0', new_price => $i });
        $bad{"price: $res->{status}"}++ if $res->{status} != 200;
        $ann->wait_for('property:price_updated') or $bad{'not told'}++;

        $res = api(POST => '/api/publish', { channel => 'user:ann',
                   type => 'x:event', payload => { pad => 'x' x (5 * $i) } });
        $bad{"event: $res->{status}"}++ if $res->{status} != 200;
        $ann->wait_for('x:event') or $bad{'no event'}++;
        $_->clear for $ann, $ben;
    }

    is_deeply(\%bad, {}, 'documents: bids, prices, events go on');

    # smaller ones free what others can have

    my @not = grep { put_property($_, 10)->{status} != 200 } 0 .. $n / 2;
    is_deeply(\@not, [], 'documents: all can become smaller');
    my $late = handshake('late');
    is($late->status, 101, 'documents: then others come in');
    is(put_property($n, 600)->{status}, 201, 'documents: and new ones');
    ok(until_true(sub { health()->{status} eq 'ok' }),
       'documents: all is well again');

    $_->close for $ann, $ben, $late;
    served($witness, 'documents');
    act('live', 'cancel');
    settled($base, 'documents');
}


sub put_property {
    my ($id, $size) = @_;

    return api(PUT => "/api/properties/d$id",
               { title => 'x' x $size, status => 'available', price => 1 });
}

done_testing();
